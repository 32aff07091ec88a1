"""What the old version still has, and what of it a drain waits for."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from msgspec.structs import replace

from toolkit.clients.proxy_status import Slot
from toolkit.clients.session_api import Count, Forecast
from toolkit.config import Drain
from toolkit.errors import BgctlError
from toolkit.project import Project
from toolkit.rendering import settings_json
from toolkit.state.document import State
from toolkit.terminal import humanize
from toolkit.values import Duration


@dataclass(frozen=True)
class DrainTerms:
    """What a drain waits for. Times are in seconds.

    At the `deadline`, counted from the switch, those who are left move on; 0: there is none. Sessions that
    are idle for longer than `idle` are not waited for; 0: all are.
    """

    visitors: bool = True
    deadline: float = 0
    idle: float = 0

    @classmethod
    def of(cls, drain: Drain, deadline: float | None = None, idle: float | None = None) -> Self:
        """The terms of bgctl.toml, but for those that are given."""
        given = (
            drain.deadline if deadline is None else deadline,
            drain.idle_timeout if idle is None else idle,
        )
        return cls(drain.visitors, *given)

    def ends(self, now: State) -> datetime | None:
        """When those who are left move on; None: never, also where the time of the switch cannot be read."""
        try:
            switched = datetime.fromisoformat(now.updated_at).astimezone(UTC)
            return switched + timedelta(seconds=self.deadline) if self.deadline else None
        except (ValueError, OverflowError):
            return None

    def options(self, drain: Drain) -> str:
        """The options by which another command has the same terms, such as " --idle-timeout 600s"."""
        pairs = (
            ("deadline", self.deadline, drain.deadline),
            ("idle-timeout", self.idle, drain.idle_timeout),
        )
        other = [(name, wanted) for name, wanted, usual in pairs if wanted != usual]
        return "".join(f" --{name} {Duration(wanted).nginx if wanted else 'off'}" for name, wanted in other)


@dataclass(frozen=True)
class Remaining:
    """Counts of what a version still has. None is unknown, which is not empty; `why` says why.

    Plain requests are shown and not waited for: on a busy site those of visitors without a session never end.
    Once blue is out of routing no more can come, and then promote waits for the last of them. `new` is the
    version that follows, `ends` the deadline, and `overdue` says that it is over.
    """

    version: str
    sessions: int | None
    visitors: int | None
    websockets: int | None
    requests: int | None = None
    terms: DrainTerms = DrainTerms()
    why: str = ""
    forecast: Forecast | None = None
    ends: datetime | None = None
    overdue: bool = False
    new: str = ""

    @property
    def awaited(self) -> tuple[int | None, ...]:
        visitors = (self.visitors,) if self.terms.visitors else ()
        return (self.sessions, self.websockets, *visitors)

    @property
    def empty(self) -> bool:
        return all(count == 0 for count in self.awaited)

    @property
    def unknown(self) -> bool:
        return None in self.awaited

    @property
    def total(self) -> int | None:
        """The sum of all that is waited for."""
        return None if self.unknown else sum(count or 0 for count in self.awaited)

    def __str__(self) -> str:
        if self.empty:
            return f"{self.version} is empty"
        why = f" ({self.why})" if self.unknown and self.why else ""
        return f"{self.version} still has {self.counts}{why}"

    @property
    def counts(self) -> str:
        visitors = "visitors" if self.terms.visitors else "visitors (not waited for)"
        parts = (
            ("sessions", self.sessions),
            (visitors, self.visitors),
            ("requests", self.requests),
            ("WebSockets", self.websockets),
        )
        return ", ".join(humanize.many(count, name) for name, count in parts)


def remaining(project: Project, now: State, terms: DrainTerms) -> Remaining:
    """What the old version still has, right now."""
    version = now.deployment.old if now.deployment else ""
    slot, untold, silent = _proxy(project)
    count, unknown, forecast = _count(project, now, version, terms.idle, untold)
    ends = terms.ends(now) if now.phase == "draining" else None
    return Remaining(
        version,
        count.sessions,
        count.anonymous,
        slot.websockets if slot else None,
        slot.open_requests if slot else None,
        terms,
        "; ".join(filter(None, (unknown, silent))),
        forecast,
        ends,
        ends is not None and project.now() >= ends,
        now.deployment.new if now.deployment else "",
    )


def _proxy(project: Project) -> tuple[Slot | None, str, str]:
    """(what blue has open, why the session API may not have all reports, why the proxy is silent)"""
    try:
        status = project.proxy.status()
    except BgctlError as error:
        return None, "", str(error)
    slot, untold = status.slots.get("blue"), status.activity and status.activity.untold(project.now())
    return slot, untold or "", "" if slot else "the proxy does not know blue"


def _count(
    project: Project, now: State, version: str, idle: float, untold: str
) -> tuple[Count, str, Forecast | None]:
    """(the count, why it is not known, the forecast)"""
    if now.slots.blue.state == "maint":  # After disable-blue its sessions are being moved.
        return Count(0, 0, 0), "", None
    try:
        # The proxy reports a session that goes on only now and then: within that time none counts as idle.
        report = project.sessions.report(idle and idle + settings_json.held_every(project.config))
    except BgctlError as error:
        return Count(None, None), str(error), None
    if report.unknown or untold:
        return Count(None, None), report.unknown or f"the proxy's reports: {untold}", None
    count, forecast = report.on(version), report.forecast
    if idle and forecast and count.last_activity:  # sooner than by the usual idleness
        forecast = replace(forecast, earliest=count.last_activity + timedelta(seconds=idle))
    unknown = (
        "" if None not in (count.sessions, count.anonymous) else report.unknown_visitors or "not counted"
    )
    return count, unknown, forecast
