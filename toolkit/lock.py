"""One bgctl at a time per project.

The lock is a flock on the state directory itself: it dies with its owner, and there is no lock file whose
deletion could admit a second one. `holder.json` only tells the second one who the first is.
"""

import fcntl
import getpass
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from toolkit import atomic
from toolkit.errors import Failed, Locked
from toolkit.values import stamp

HOLDER = "holder.json"
POLL = 0.2  # seconds


class Holder(Struct, frozen=True):
    pid: int
    user: str
    host: str
    command: str
    since: str


@contextmanager
def held(directory: Path, command: str, now: datetime, wait: float = 0) -> Iterator[None]:
    """Raises Locked when another process holds it: at once, or after `wait` seconds."""
    try:
        directory.mkdir(exist_ok=True)
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Failed(f"{directory} cannot be locked", str(error), "bgctl doctor") from None
    try:
        _wait_for(fd, directory, wait)
        me = Holder(os.getpid(), whoami(), socket.gethostname(), command, stamp(now))
        # It stays when we go: the lock alone says whether somebody is at work.
        atomic.write(directory / HOLDER, msgspec.json.encode(me) + b"\n")
        yield
    finally:
        os.close(fd)


def whoami() -> str:
    """The person, also behind sudo."""
    with suppress(KeyError, OSError):
        return os.environ.get("SUDO_USER") or getpass.getuser()
    return str(os.getuid())


def _wait_for(fd: int, directory: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            return _take(fd, directory)
        except Locked:
            if time.monotonic() >= end:
                raise
            time.sleep(POLL)


def _take(fd: int, directory: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        who = _holder(directory)
        end = f"wait, or end it: kill {who.pid}, then run this again" if who else "wait, then run this again"
        raise Locked("another bgctl is at work here", _words(who), end) from None


def _holder(directory: Path) -> Holder | None:
    """One that has just begun has a moment to write its name over the last one's."""
    who = None
    for _ in range(20):
        who = _read(directory / HOLDER)
        if who and Path(f"/proc/{who.pid}").exists():
            break
        time.sleep(0.01)
    return who


def _words(who: Holder | None) -> str:
    if not who:
        return "it has not said who it is (pid unknown, since just now)"
    return f"'bgctl {who.command}' by {who.user}@{who.host} (pid {who.pid}) since {who.since}"


def _read(path: Path) -> Holder | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, ValueError):
        return None
