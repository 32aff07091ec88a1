"""The lease on a project's state: one bgctl on all hosts changes it. It ends where it is not renewed."""

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec import Struct

from session_api.cluster.keys import Keys
from toolkit.clock import SYSTEM
from toolkit.cluster.connection import Connection
from toolkit.errors import BgctlError, Locked, MovedOn
from toolkit.files.lock import whoami
from toolkit.values import stamp

LASTS = 15.0  # seconds without a renewal
POLL = 0.2  # seconds between two tries
LOOK = "bgctl status; then run the same command again"


class Holder(Struct, frozen=True):
    """The bgctl that has the lease. `since` is a stamp, `token` tells it from every other one."""

    pid: int
    who: str
    host: str
    command: str
    since: str
    token: str = ""

    @property
    def words(self) -> str:
        return f"'bgctl {self.command}' by {self.who}@{self.host} (pid {self.pid}) since {self.since}"


class _Text(Struct, frozen=True):
    fence: int
    holder: Holder


@dataclass(frozen=True)
class Held:
    """The lease as it was given out: its number, and its text, by which Redis knows it.

    `lost` had the one before, and has not given it back.
    """

    fence: int
    text: bytes
    lost: Holder | None = None


class Lease:
    """Of one project. `lasts`: seconds that it stays without a renewal; it gets one three times as often."""

    def __init__(self, connection: Connection, keys: Keys, lasts: float = LASTS) -> None:
        self._connection, self._keys, self._lasts = connection, keys, lasts

    @contextmanager
    def held(self, command: str, now: datetime, known: Callable[[], int], wait: float = 0) -> Iterator[Held]:
        """Takes the lease, renews it over the block, and gives it back; raises as `_take` does."""
        held = self._take(command, now, known, wait)
        renewal = Renewal(lambda: self._renew(held), self._lasts / 3)
        try:
            yield held
        finally:
            renewal.end()
            with suppress(BgctlError):  # then it ends by itself
                self._connection.run("release", (self._keys.lease, self._keys.taken), held.text)

    def lost(self, text: bytes | None) -> MovedOn:
        """The error to raise when the lease is not ours any more; `text` is the one that is there now."""
        other = holder(text)
        why = f"it was not renewed for {self._lasts:g} s: this bgctl was stopped, or Redis was not there"
        why += f"; now {other.words} has it" if other else ""
        return MovedOn("the lease on the state is not ours any more", why, LOOK)

    @property
    def _milliseconds(self) -> int:
        return round(self._lasts * 1000)

    def _take(self, command: str, now: datetime, known: Callable[[], int], wait: float) -> Held:
        """Raises Locked when another bgctl has it, at once or after `wait` seconds.

        `known` gives a fence that was given out before, which Redis may have forgotten.
        """
        token = secrets.token_urlsafe(12)
        me = Holder(os.getpid(), whoami(), socket.gethostname(), command, stamp(now), token)
        rest = b'"holder":' + msgspec.json.encode(me) + b"}"
        for _ in SYSTEM.every(POLL, within=wait):
            keys = (self._keys.lease, self._keys.fence, self._keys.taken)
            answer = self._connection.run("take", keys, rest, self._milliseconds, known())
            fence, text = int(answer[0]), bytes(answer[1])
            if fence:
                return Held(fence, text, holder(answer[2]))
            if token.encode() in text:  # ours: the answer to the first try was lost on its way
                return Held(msgspec.json.decode(text, type=_Text).fence, text)
        raise self._locked(text)

    def _renew(self, held: Held) -> bool:
        return bool(self._connection.run("renew", (self._keys.lease,), held.text, self._milliseconds))

    def _locked(self, text: bytes) -> Locked:
        who = holder(text)
        why = who.words if who else "it has not said who it is"
        end = f"end it on {who.host}: kill {who.pid}, then run this again" if who else "run this again"
        return Locked("another bgctl is changing this project", why, f"wait, or {end}")


class Renewal:
    """Renews a lease in a thread, until it ends or the lease is another one's.

    One try that fails is no loss: there are more before the lease ends, and Redis is asked before anything
    is published.
    """

    def __init__(self, renew: Callable[[], bool], every: float) -> None:
        self._renew, self._every = renew, every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            try:
                if not self._renew():
                    return
            except BgctlError:
                continue


def holder(text: bytes | None) -> Holder | None:
    """Who has the lease whose text this is."""
    try:
        return msgspec.json.decode(text, type=_Text).holder if text else None
    except ValueError:
        return None
