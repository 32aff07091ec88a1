"""Counts who is active on which version: takes in what proxies report, and answers bgctl and operators."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from session_api import messages
from session_api.clock import moment
from session_api.counts import forecast
from session_api.counts.cursor import Cursor
from session_api.counts.known import SILENCE, why_unknown, why_visitors_unknown
from session_api.counts.query import Query
from session_api.state.state import State
from session_api.stores.records import Census, Gauge, Gone, Heard, Report, Seen, UserSeen, VersionCount
from session_api.stores.store import Store

PAGE = 1000  # clients


@dataclass(frozen=True)
class Counted:
    """A census; `unknown` says why it is not complete, `unknown_visitors` why its visitors are not."""

    census: Census
    unknown: str | None
    unknown_visitors: str | None

    def gauges(self) -> dict[str, messages.Gauge] | None:
        """What each version has open and has served, summed over the proxies that report.

        None while no proxy reports, or while one of them has never sent gauges.
        """
        now, sums = self.census.now, dict[str, messages.Gauge]()
        told = [each.gauges for each in self.census.heard if now - each.seen_at <= SILENCE]
        for gauges in told:
            if gauges is None:
                return None
            for version, gauge in gauges.items():
                sums[version] = _sum(sums.get(version, messages.Gauge()), gauge)
        return sums if told else None

    def websockets(self, version: str) -> int | None:
        """How many WebSockets are open on that version; None where `gauges` is None."""
        gauges = self.gauges()
        return None if gauges is None else gauges.get(version, messages.Gauge()).websockets


class Counts:
    """The counts over one store.

    `ttl` is the life of a token, `leeway` the difference of clocks that is allowed, and after `idle_timeout`
    without a request (0: off) a session is not counted; all in seconds. Methods raise StoreError, StateError.
    """

    def __init__(self, store: Store, state: State, ttl: int, idle_timeout: int, leeway: int) -> None:
        self._store = store
        self._state = state
        self._window = idle_timeout or ttl
        self._idle_timeout = idle_timeout
        self._grace = leeway + 1  # from a token's exp to the second in which it is not believed any more

    def take(self, told: messages.Activity) -> messages.Epoch:
        """Take in a proxy's report. Only ages in it are believed: its clock may differ from the store's."""
        report = Report(
            proxy=told.proxy,
            reach=_age(told, told.since),
            epoch=told.epoch,
            complete=told.complete,
            seen=tuple(
                Seen(
                    *(row.sid, row.user, row.version, _age(told, row.seen)),
                    expires_at=int(row.exp) + (0 if row.user is None else self._grace),
                    issued_at=-1 if row.iat is None else int(row.iat),
                    kind=row.kind,
                )
                for row in told.sessions
            ),
            visitors_complete=told.complete if told.visitors_complete is None else told.visitors_complete,
            gone=tuple(
                Gone(each) if isinstance(each, str) else Gone(each[0], _age(told, each[1]))
                for each in told.gone
            ),
            gauges={version: _gauge(each) for version, each in told.gauges.items()} or None,
            instance=told.instance,
        )
        return messages.Epoch(self._store.note(report))

    def clients(self, after: str) -> messages.KnownClients:
        """The page after this sid of the clients that a proxy has to know again."""
        page = self._store.clients(after, PAGE)
        return messages.KnownClients(page.rows, page.after)

    def count(self, idle: int = 0) -> Counted:
        """What the store has, and why that may not be all."""
        census = self._store.census(idle)
        unknown = why_unknown(census.now, self._window, census.birth, census.heard)
        return Counted(
            census, unknown, unknown or why_visitors_unknown(census.now, self._window, census.heard)
        )

    def gauges(self) -> dict[str, messages.Gauge] | None:
        """What every version has open and has served, as in Counted.gauges."""
        return Counted(self._store.census(), None, None).gauges()

    def report(self, query: Query) -> messages.ActiveSessions:
        """The answer to a request for counts.

        A version that a slot serves is listed even if it has no session: that 0 is known.
        """
        current, served = self._state.current_version(), self._state.served_versions()
        counted = self.count(query.idle)
        versions = dict.fromkeys(sorted(served | counted.census.versions.keys()), VersionCount())
        versions |= counted.census.versions
        users, next_page = self._users(query, versions, current)
        known = counted.unknown is None
        return messages.ActiveSessions(
            total_active_users=counted.census.users if known else None,
            old_version_sessions=_elsewhere(versions, current) if known else None,
            current_version=current,
            users=[messages.UserActivity(*user[:2], moment(user.last_activity)) for user in users],
            next_page=next_page,
            unknown=counted.unknown,
            unknown_visitors=counted.unknown_visitors,
            versions={
                version: _activity(count, counted.websockets(version), counted.unknown_visitors is None)
                if known
                else UNKNOWN
                for version, count in versions.items()
            },
            forecast=self._forecast(self._store.census() if query.idle else counted.census)
            if known
            else None,
        )

    def _users(
        self, query: Query, versions: dict[str, VersionCount], current: str
    ) -> tuple[Sequence[UserSeen], str | None]:
        version = query.page.version if query.page else query.version or self._old(versions, current)
        if version is None or not query.limit:
            return (), None
        after = query.page.position if query.page else None
        users = self._store.users(version, query.limit + 1, after, query.idle)
        shown = users[: query.limit]
        return shown, Cursor.after(version, shown[-1]).encode() if len(users) > len(shown) else None

    def _old(self, versions: dict[str, VersionCount], current: str) -> str | None:
        """The version that drains, else the most used one that is not current."""
        if drained := self._state.draining():
            return drained.version
        others = {version: count.sessions for version, count in versions.items() if version != current}
        return max(others, key=lambda version: (others[version], version), default=None)

    def _forecast(self, census: Census) -> messages.Forecast | None:
        drained = self._state.draining()
        if not drained:
            return None
        count = census.versions.get(drained.version, VersionCount())
        # Departures are counted by the minute: from the first whole minute of the drain.
        since = None if drained.since is None else -(-drained.since // 60) * 60
        outlook = self._store.outlook(drained.version, census.now if since is None else since)
        drain = forecast.Drain(
            now=census.now,
            remaining=count.sessions + count.visitors,
            last_activity=count.last_activity,
            expires_at=outlook.expires_at,
            idle_timeout=self._idle_timeout,
            since=since,
            departures=outlook.departures,
        )
        times = (ask(drain) for ask in (forecast.earliest, forecast.likely, forecast.latest))
        return messages.Forecast(*(None if at is None else moment(at) for at in times))


UNKNOWN = messages.VersionActivity(None, None, None, None, None)


def report_age(census: Census, proxy: Heard) -> int:
    """Seconds since a proxy's last report."""
    return max(census.now - proxy.seen_at, 0)


def _age(told: messages.Activity, at: float) -> int:
    return max(int(told.now - at), 0)


def _gauge(told: messages.Gauge) -> Gauge:
    return Gauge(**msgspec.structs.asdict(told))


def _sum(one: messages.Gauge, other: Gauge) -> messages.Gauge:
    return messages.Gauge(
        open=one.open + other.open,
        websockets=one.websockets + other.websockets,
        requests=one.requests + other.requests,
        errors=one.errors + other.errors,
    )


def _elsewhere(versions: dict[str, VersionCount], current: str) -> int:
    return sum(count.sessions for version, count in versions.items() if version != current)


def _activity(count: VersionCount, websockets: int | None, knows_visitors: bool) -> messages.VersionActivity:
    latest = moment(count.last_activity) if count.sessions or count.visitors else None
    visitors = count.visitors if knows_visitors else None
    return messages.VersionActivity(count.sessions, count.users, visitors, websockets, latest)
