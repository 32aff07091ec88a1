"""Whatever happens in whatever order, on two hosts, each store agrees with a model of a few dictionaries."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from session_api.stores.records import Gone, Outlook, Position, Report, Seen, Session, UserSeen, VersionCount
from session_api.stores.redis.store import RedisStore
from session_api.stores.sqlite.store import SqliteStore
from session_api.stores.store import GONE_SLACK
from tests.unit.session_api.support.data import HandClock, session
from tests.unit.session_api.support.redis_server import RedisServer

pytestmark = pytest.mark.whole

IDLE = 300
VERSIONS = ("1.6.7", "1.6.8")


@dataclass
class Model:
    """The rules of a store, told plainly. Times are the store's clock."""

    now: int
    sessions: dict[str, Session] = field(default_factory=dict)
    visitors: dict[str, Session] = field(default_factory=dict)  # their user is ""
    over: set[str] = field(default_factory=set)  # expired, and seen so
    ended: set[str] = field(default_factory=set)
    issued: dict[str, int] = field(default_factory=dict)  # when the newest token that is known was
    closed: dict[str, tuple[int, int]] = field(
        default_factory=dict
    )  # up to which `iat`, and `exp`, all is over
    emails: dict[str, str] = field(default_factory=dict)
    left: Counter[tuple[str, int]] = field(default_factory=Counter)  # by version and minute

    def live(self) -> list[Session]:
        kept = (s for sid, s in self.sessions.items() if sid not in self.over | self.ended)
        return [*kept, *self.visitors.values()]

    def active(self, idle: int = IDLE) -> list[Session]:
        return [each for each in self.live() if each.last_activity > self.now - min(idle or IDLE, IDLE)]

    def depart(self, who: Session, moment: int) -> None:
        minute = min(moment, who.expires_at, who.last_activity + IDLE) // 60
        self.left[who.version, minute] += 1

    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        for each in self.live():
            if each.expires_at <= self.now:
                self.depart(each, each.expires_at)
                if each.user_id:
                    self.over.add(each.sid)
                else:
                    del self.visitors[each.sid]
        self.forget_emails()

    def forget_emails(self) -> None:
        people = {each.user_id for each in self.live()}
        self.emails = {user: email for user, email in self.emails.items() if user in people}

    def put(self, kept: dict[str, Session], asked: Session) -> Session:
        """See a session or visitor, new or known."""
        before = kept.get(asked.sid)
        after = asked
        if before:
            later = asked.last_activity >= before.last_activity
            after = replace(
                before,
                email=before.email or asked.email,
                version=asked.version if later else before.version,
                last_activity=max(before.last_activity, asked.last_activity),
                expires_at=max(before.expires_at, asked.expires_at),
            )
        is_over = kept is self.sessions and asked.sid in self.over | self.ended
        live = None if is_over else before
        if live and live.version != after.version:
            self.depart(live, asked.last_activity)
        kept[asked.sid] = after
        if kept is self.sessions:
            self.over.discard(asked.sid)
            self.ended.discard(asked.sid)
            self.issued[asked.sid] = max(self.issued.get(asked.sid, 0), asked.issued_at)
        after = kept[asked.sid] = replace(after, issued_at=0, good_until=0)
        if after.email and not (live and replace(after, expires_at=0) == replace(live, expires_at=0)):
            self.emails[after.user_id] = after.email
        return after

    def alive(self, asked: Session) -> bool:
        known = self.sessions.get(asked.sid)
        if known is None:
            return asked.expires_at > self.now
        mine = known.user_id == asked.user_id and self.is_later(asked)
        return mine and max(known.expires_at, asked.good_until) > self.now

    def is_later(self, token: Session) -> bool:
        """Whether a token was issued after the last log-out."""
        iat, exp = self.closed.get(token.sid, (0, 0))
        return token.created_at > iat if token.created_at else token.good_until > exp

    def note(self, row: Seen) -> None:
        at = max(self.now - row.age, 0)
        token = Session(row.sid, row.user_id or "", None, row.version, row.issued_at, at, row.expires_at)
        token = replace(token, good_until=row.expires_at)
        asked = replace(token, created_at=at, issued_at=max(row.issued_at, 0))
        kept = self.sessions if row.user_id else self.visitors
        known = kept.get(row.sid, asked)
        ended = bool(row.user_id) and not self.is_later(token)
        if row.issued_at < 0:  # told by a proxy of before
            ended = bool(row.user_id) and row.sid in self.ended
        alive = max(known.expires_at, row.expires_at) > self.now
        if known.user_id == asked.user_id and alive and not ended:
            self.put(kept, asked)

    def end(self, asked: Session) -> bool:
        known = self.sessions.get(asked.sid)
        if known and (known.user_id != asked.user_id or not self.is_later(asked)):
            return False
        if known and asked.sid not in self.over | self.ended:
            self.depart(known, self.now)
        kept = known or replace(asked, issued_at=0, good_until=0)
        kept = self.sessions[asked.sid] = replace(kept, expires_at=max(kept.expires_at, asked.expires_at))
        issued = self.issued.setdefault(asked.sid, asked.issued_at)
        self.closed[asked.sid] = (
            max(issued, asked.created_at, self.now - 1),
            max(kept.expires_at, asked.good_until),
        )
        self.ended.add(asked.sid)
        self.forget_emails()
        return True

    def counts(self, idle: int) -> dict[str, VersionCount]:
        counted = {}
        for version in VERSIONS:
            here = [each for each in self.active(idle) if each.version == version]
            users = [each.user_id for each in here if each.user_id]
            latest = max((each.last_activity for each in here), default=0)
            if here:
                count = VersionCount(len(users), len(set(users)), len(here) - len(users), latest)
                counted[version] = count
        return counted

    def users(self, version: str, idle: int) -> list[UserSeen]:
        latest: dict[str, int] = {}
        for each in self.active(idle):
            if each.version == version and each.user_id:
                latest[each.user_id] = max(each.last_activity, latest.get(each.user_id, 0))
        order = sorted(latest, key=lambda user: (latest[user], user), reverse=True)
        return [UserSeen(user, self.emails.get(user), latest[user]) for user in order]

    def outlook(self, version: str, since: int) -> Outlook:
        minute = -(-since // 60)
        here = [each for each in self.live() if each.version == version]
        active = [each.expires_at for each in self.active() if each.version == version]
        idle = [each for each in here if minute * 60 - IDLE < each.last_activity <= self.now - IDLE]
        left = sum(n for (of, at), n in self.left.items() if of == version and at >= minute)
        return Outlook(max(active, default=None), left + len(idle))


class StoreMachine(RuleBasedStateMachine):
    """The model beside two hosts that share a store."""

    kind: ClassVar[str]
    directory: ClassVar[Path]
    server: ClassVar[RedisServer]

    sids = st.sampled_from(["s1", "s2", "s3", "s4"])
    users = st.sampled_from(["u1", "u2"])
    versions = st.sampled_from(VERSIONS)
    lives = st.integers(-10, 900)
    emails = st.sampled_from([None, "a@x.y", "b@x.y"])
    ages = st.sampled_from([0, 1, 60, None])  # of a token, in seconds; None: it does not say
    ends = lives | st.just(1)  # most reports name no later end than is known
    rows = st.tuples(sids, users | st.none(), versions, st.integers(0, 400), ends, ages | st.just(-1))
    leavers = st.builds(Gone, sids, st.integers(0, 400))

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandClock()
        self.model = Model(int(self.clock.now))
        self.began = self.model.now
        (self.directory / "machine.db").unlink(missing_ok=True)
        prefix = f"{{{uuid4()}}}"
        self.hosts = [self.host(prefix), self.host(prefix)]
        self.turn = 0

    def host(self, prefix: str) -> Any:
        if self.kind == "redis":
            return RedisStore(self.server.address, IDLE, self.clock, prefix=prefix)
        return SqliteStore(self.directory / "machine.db", IDLE, self.clock)

    @property
    def store(self) -> Any:
        """The hosts in turn."""
        self.turn += 1
        return self.hosts[self.turn % 2]

    def asked(
        self, sid: str, user: str, version: str, life: int, email: str | None, age: int | None = 0
    ) -> Session:
        now = self.model.now
        issued = 0 if age is None else now - age
        times = {"created_at": issued, "last_activity": now, "expires_at": now + life}
        return session(sid, user, version, email=email, issued_at=issued, good_until=now + life, **times)

    @rule(sid=sids, user=users, version=versions, life=st.integers(1, 900), email=emails)
    def add(self, sid: str, user: str, version: str, life: int, email: str | None) -> None:
        if sid not in self.model.sessions:
            asked = self.asked(sid, user, version, life, email)
            self.store.add(asked)
            self.model.put(self.model.sessions, asked)

    @rule(sid=sids, user=users, version=versions, life=lives, email=emails, age=ages)
    def resume(
        self, sid: str, user: str, version: str, life: int, email: str | None, age: int | None
    ) -> None:
        asked = self.asked(sid, user, version, max(life, 1), email, age)
        alive = self.model.alive(asked)
        expected = self.model.put(self.model.sessions, asked) if alive else None
        assert self.store.resume(asked) == expected

    @rule(sid=sids, user=users, version=versions, life=lives, email=emails, age=ages)
    def find(self, sid: str, user: str, version: str, life: int, email: str | None, age: int | None) -> None:
        asked = self.asked(sid, user, version, max(life, 1), email, age)
        known = self.model.sessions.get(sid)
        expected = known
        if not self.model.alive(asked):
            expected = None
        elif (
            known is None
            or known.last_activity <= self.model.now - IDLE
            or sid in self.model.over | self.model.ended
        ):
            expected = self.model.put(self.model.sessions, asked)
        assert self.store.find(asked) == expected

    @rule(sid=sids, user=users, version=versions, age=ages)
    def end(self, sid: str, user: str, version: str, age: int | None) -> None:
        asked = self.asked(sid, user, version, 900, None, age)
        assert self.store.end(asked) is self.model.end(asked)

    @rule(rows=st.lists(rows, max_size=5), gone=st.lists(leavers, max_size=2), again=st.booleans())
    def note(self, rows: list[Any], gone: list[Gone], again: bool) -> None:
        now = self.model.now
        seen = tuple(
            Seen(
                sid, user, version, age, now + life, 0 if token is None else now - token if token >= 0 else -1
            )
            for sid, user, version, age, life, token in rows
        )
        report = Report("web1:8080", seen=seen, gone=tuple(gone))
        self.store.note(report)
        for row in seen:
            self.model.note(row)
        for sid, age in gone:
            known = self.model.visitors.get(sid)
            if known and known.last_activity <= self.model.now - age + GONE_SLACK:
                del self.model.visitors[sid]
        if again and not gone and len({row[:2] for row in seen}) == len(seen):
            self.store.note(report)
            for row in seen:
                self.model.note(row)

    @rule(seconds=st.integers(1, 400))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds
        self.model.pass_time(seconds)

    @rule(idle=st.integers(1, 500))
    def a_shorter_window_agrees(self, idle: int) -> None:
        self.agrees(idle)

    @invariant()
    def census_agrees(self) -> None:
        self.agrees(0)
        for version in VERSIONS:
            for since in (self.began, self.model.now - 200):
                assert self.store.outlook(version, since) == self.model.outlook(version, since)

    def agrees(self, idle: int) -> None:
        census = self.store.census(idle)
        assert census.versions == self.model.counts(idle)
        assert census.users == len({each.user_id for each in self.model.active(idle) if each.user_id})
        for version in VERSIONS:
            shown: list[UserSeen] = []
            while page := self.store.users(
                version, 1, Position(shown[-1].last_activity, shown[-1].user_id) if shown else None, idle
            ):
                shown += page
            assert shown == self.model.users(version, idle)

    def teardown(self) -> None:
        for host in self.hosts:
            host.close()


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_any_history_of_sessions(kind: str, tmp_path: Path, redis_server: RedisServer) -> None:
    names = {"kind": kind, "directory": tmp_path, "server": redis_server}
    checks = list(HealthCheck)
    run_state_machine_as_test(
        type("Machine", (StoreMachine,), names),
        settings=settings(max_examples=40, deadline=None, suppress_health_check=checks),
    )
