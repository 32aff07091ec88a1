"""The store in Redis or Valkey: for several hosts, or for more log-ins a second than one file takes.

Every operation is one script below scripts/: it happens as a whole or not at all, by the server's clock.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from functools import cache
from hashlib import sha1
from importlib import resources
from typing import Any

import msgspec
from redis import RedisError
from redis.exceptions import NoScriptError, RedisClusterException

from session_api.clock import Clock
from session_api.stores.records import (
    Birth,
    Census,
    Client,
    Clients,
    Gauge,
    Heard,
    Outlook,
    Position,
    Report,
    Session,
    UserSeen,
    VersionCount,
)
from session_api.stores.redis.address import PREFIX, RedisAddress
from session_api.stores.redis.connection import ANSWER_TIMEOUT, connect
from session_api.stores.store import GONE_SLACK, WALK, Fresh, StoreBusyError, StoreError, UnfitStoreError

SWEEP_TIMEOUT = 5.0  # seconds
OTHERS = (
    "this Redis database holds the sessions of another project: none of its signing keys is ours; "
    "give each project a database of its own (BGCTL_STORE=redis://HOST:PORT/1), "
    "or, where all keys were made anew, delete the key {key}"
)


class RedisStore:
    """A Store. `idle_timeout` is seconds, 0 is off. Without a `clock` (tests have one), the server's is used.

    `marks` tell this project from others: all hosts of one project have some of them in common.
    """

    def __init__(
        self,
        address: RedisAddress,
        idle_timeout: int = 0,
        clock: Clock | None = None,
        fresh: Fresh = lambda: False,
        prefix: str = PREFIX,
        marks: Callable[[], set[str]] = set,
    ) -> None:
        self._address = address
        self._idle_timeout = idle_timeout
        self._clock = clock
        self._fresh = fresh
        self._key = f"{prefix}:store"
        self._owners = f"{prefix}:owners"
        self._marks = marks
        self._client: Any = None
        self._ours: Any = None  # the client whose database is known to be this project's
        self._opening = threading.Lock()

    def now(self) -> int:
        if self._clock:
            return int(self._clock())
        with self._errors():
            return int(self._connected().time()[0])

    def add(self, session: Session) -> None:
        self._run("add", *_row(session))

    def find(self, session: Session) -> Session | None:
        return _session(self._run("find", *_row(session)))

    def resume(self, session: Session) -> Session | None:
        return _session(self._run("resume", *_row(session)))

    def end(self, session: Session) -> bool:
        return bool(self._run("end", *_row(session)))

    def note(self, report: Report) -> str:
        gauges = "" if report.gauges is None else msgspec.json.encode(report.gauges).decode()
        head = (
            report.proxy,
            report.reach,
            report.epoch or "",
            int(report.complete),
            int(report.visitors_complete),
            gauges,
        )
        rows = [(row[0], row[1] or "", *row[2:]) for row in report.seen]
        gone = [(sid, age - GONE_SLACK) for sid, age in report.gone]
        packed = (msgspec.msgpack.encode(rows), msgspec.msgpack.encode(gone))
        return str(self._run("note", *head, *packed, report.instance))

    def census(self, idle: int = 0) -> Census:
        now, people, versions, birth, heard = self._swept("census", idle)
        return Census(
            now=now,
            users=people,
            versions={version: VersionCount(*counts) for version, *counts in versions},
            birth=Birth(birth[0], int(birth[1]), birth[2] == "1"),
            heard=[_heard(*row) for row in sorted(heard)],
        )

    def users(self, version: str, limit: int, after: Position | None = None, idle: int = 0) -> list[UserSeen]:
        found = self._swept("users", idle, version, limit, *(after or ("", "")))
        return [UserSeen(user_id, email or None, int(float(at))) for user_id, email, at in found]

    def clients(self, after: str, limit: int) -> Clients:
        found, last = self._swept("clients", after, limit)
        return Clients(tuple(Client(sid, version, int(age)) for sid, version, age in found), last or None)

    def outlook(self, version: str, since: int) -> Outlook:
        expires_at, departures = self._swept("outlook", version, -(-since // 60), WALK)
        return Outlook(int(float(expires_at)) if expires_at else None, departures)

    def ping(self) -> None:
        """Also refuses a server that would throw sessions away to make room, or that takes no writes."""
        with self._errors():
            client = self._connected()
            client.ping()
            memory, replication = client.info("memory"), client.info("replication")
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy != "noeviction" and memory.get("maxmemory"):
            raise UnfitStoreError(
                f"Redis may drop sessions: maxmemory-policy is {policy}, must be noeviction"
            )
        if replication.get("role") == "slave":
            raise UnfitStoreError("this Redis is a replica: it takes no sessions, and may be behind")
        with self._errors():
            self._check_owner(client)

    def close(self) -> None:
        """Close the connections; the next use opens others."""
        with self._opening:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _swept(self, name: str, *arguments: object) -> Any:
        """What a script answers that first sweeps what has expired, in bounded steps."""
        patience = time.monotonic() + SWEEP_TIMEOUT
        while (answer := self._run(name, *arguments)) == "again":
            if time.monotonic() > patience:
                raise StoreBusyError("sweeping what has expired takes longer; what is done stays done")
        return answer

    def _run(self, name: str, *arguments: object) -> Any:
        now = int(self._clock()) if self._clock else ""
        common = (now, self._idle_timeout, secrets.token_urlsafe(16), int(self._fresh()))
        text, digest = _script(name)
        with self._errors():
            client = self._connected()
            if self._ours is not client:
                self._check_owner(client)
            try:
                return client.evalsha(digest, 1, self._key, *common, *arguments)
            except NoScriptError:
                return client.eval(text, 1, self._key, *common, *arguments)

    def _check_owner(self, client: Any) -> None:
        """Two projects that share a database would count each other's sessions. Raises UnfitStoreError."""
        marks = sorted(self._marks())
        if marks and not client.eval(_text("own"), 1, self._owners, *marks):
            raise UnfitStoreError(OTHERS.format(key=self._owners))
        self._ours = client

    def _connected(self) -> Any:
        with self._opening:
            if self._client is None:
                self._client = connect(self._address, ANSWER_TIMEOUT)
            return self._client

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Down, loading, read-only, out of memory: whatever goes wrong leaves as a StoreError."""
        try:
            yield
        except (RedisError, RedisClusterException, OSError) as error:
            kind = StoreBusyError if str(error).startswith("BUSY ") else StoreError
            raise kind(f"Redis: {error}") from error


@cache
def _script(name: str) -> tuple[str, str]:
    """A script's text, and the digest by which the server knows it."""
    text = "\n".join((_text("common"), _text(name)))
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()


def _text(name: str) -> str:
    return resources.files(__package__).joinpath("scripts", f"{name}.lua").read_text()


def _row(session: Session) -> tuple[object, ...]:
    return tuple("" if value is None else value for value in astuple(session))


def _session(answer: list[Any] | None) -> Session | None:
    if not answer:
        return None
    sid, user_id, email, version, *times = answer
    return Session(sid, user_id, email or None, version, *(int(float(each)) for each in times))


def _heard(
    proxy: str, seen_at: int, since: int, told_at: Any, gauges: str, visitors_told_at: Any, doubled_at: Any
) -> Heard:
    decoded = msgspec.json.decode(gauges, type=dict[str, Gauge]) if gauges else None
    told = (_moment(told_at), decoded, _moment(visitors_told_at), _moment(doubled_at))
    return Heard(proxy, seen_at, since, *told)


def _moment(at: int | str) -> int | None:
    return int(at) if at != "" else None
