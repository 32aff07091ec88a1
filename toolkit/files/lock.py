"""The lock of a project: one bgctl at a time changes it.

The lock is a flock on `state/lock`, which only the owner of the state directory and its group may open: other
users of this machine cannot take it, as they could take one on the directory, which containers have to read.
It ends with its process. To delete the file does not release it (toolkit/files/deleted_lock.py).
`holder.json` says which bgctl has the lock, and whether the last one came to its end.
"""

import fcntl
import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from toolkit.clock import SYSTEM
from toolkit.errors import Failed, Locked
from toolkit.files import atomic, deleted_lock, disk
from toolkit.values import stamp

LOCK = "lock"
HOLDER = "holder.json"
MODE = 0o660
POLL = 0.2  # seconds between two tries
NAMING = 0.2  # seconds for a holder to write its name


class Holder(Struct, frozen=True):
    """The bgctl that has the lock, or had it last. `since` and `ended` are stamps; None: it has not."""

    pid: int
    user: str
    host: str
    command: str
    since: str
    ended: str | None = ""  # missing in what an earlier bgctl has written: that counts as ended


@contextmanager
def held(directory: Path, command: str, now: datetime, wait: float = 0) -> Iterator[Holder | None]:
    """Holds the lock. Raises Locked when another process holds it, at once or after `wait` seconds.

    Yields the holder before, if that one did not come to its end: it was killed, or the machine stopped.
    """
    folder = lock = -1
    try:
        try:
            directory.mkdir(exist_ok=True)
            folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            lock = _wait_for(folder, directory, wait)
        except OSError as error:
            raise disk.unwritten(directory, error, "cannot be locked") from None
        before = _read(directory / HOLDER)
        me = Holder(os.getpid(), whoami(), socket.gethostname(), command, stamp(now), None)
        _say(directory, me)
        try:
            yield before if before and before.ended is None else None
        finally:
            _say(directory, replace(me, ended=stamp(datetime.now(UTC))))
    finally:
        for fd in (folder, lock):
            if fd >= 0:
                os.close(fd)


def whoami() -> str:
    """The name of the operator, also behind sudo."""
    with suppress(KeyError, OSError):
        return os.environ.get("SUDO_USER") or getpass.getuser()
    return str(os.getuid())


def _say(directory: Path, who: Holder) -> None:
    """Writes holder.json, which is for messages only: a command goes on where it cannot be written."""
    path = directory / HOLDER
    try:
        atomic.write(path, msgspec.json.encode(who) + b"\n")
    except atomic.NotSynced:
        pass
    except Failed:
        with suppress(OSError):  # the old holder is not the holder any more
            path.unlink(missing_ok=True)


def _wait_for(folder: int, directory: Path, seconds: float) -> int:
    for _ in SYSTEM.every(POLL, within=seconds):
        try:
            return _take(folder, directory)
        except Locked as error:
            locked = error
    raise locked


def _take(folder: int, directory: Path) -> int:
    """The descriptor that holds the lock. Raises Locked."""
    lock = _open(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        taken = os.path.samestat(os.fstat(lock), os.stat(LOCK, dir_fd=folder))
        if taken and not deleted_lock.is_held(folder):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)
    who = _holder(directory)
    end = f"wait, or end it: kill {who.pid}, then run this again" if who else "wait, then run this again"
    raise Locked("another bgctl is at work here", _words(who), end) from None


def _open(folder: int) -> int:
    """Opens the lock file. Its owner and group are the directory's, and other users may not open it."""
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        mine, of = os.fstat(lock), os.fstat(folder)
        if os.geteuid() == 0 and (mine.st_uid, mine.st_gid) != (of.st_uid, of.st_gid):
            os.fchown(lock, of.st_uid, of.st_gid)
        if mine.st_mode & 0o777 != MODE and os.geteuid() in (0, mine.st_uid):
            os.fchmod(lock, MODE)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _holder(directory: Path) -> Holder | None:
    """Who holds the lock. A process that has just taken it gets a moment to write its name."""
    who = None
    for _ in SYSTEM.every(0.01, within=NAMING):
        who = _read(directory / HOLDER)
        if who and not who.ended and Path(f"/proc/{who.pid}").exists():
            break
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
