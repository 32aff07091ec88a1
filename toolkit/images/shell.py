"""Commands with their output in the log, and the lines that a person sees meanwhile."""

# ruff: noqa: S603  every command is put together from constants; none goes through a shell

import fcntl
import os
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from toolkit.engine import process
from toolkit.errors import AGAIN, Failed, Refused
from toolkit.files import disk
from toolkit.images import places

TAIL = 20  # lines of output shown with a failure
QUERY = 60.0  # seconds for a question to an engine
LONGEST = 3600.0  # seconds for anything else

_at_work: set["subprocess.Popen[str]"] = set()


def ignore(text: str) -> None:
    """For what nobody wants to read."""


@dataclass(frozen=True)
class Report:
    """`tell` gets a line when something begins that takes time; `show` gets all that commands print."""

    tell: Callable[[str], None]
    show: Callable[[str], None] = ignore


@contextmanager
def only_one(report: Report) -> Iterator[None]:
    """Begin the log of this run, once no other run is at work: they share the log and the build context.

    What is laid out meanwhile can be read by the users of the containers, whatever the umask is.
    """
    with _open_log() as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.tell("waiting until another bgctl has made its images")
            fcntl.flock(log, fcntl.LOCK_EX)
        os.ftruncate(log, 0)
        umask = os.umask(0o022)
        try:
            yield
        finally:
            os.umask(umask)


@contextmanager
def _open_log() -> Iterator[int]:
    path = places.log()
    try:
        for folder in (path.parent, places.images()):
            folder.mkdir(parents=True, exist_ok=True)
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)  # an address may have a password
    except OSError as error:
        if error.errno in disk.FULL:
            raise
        what, why = f"{path} cannot be written", f"images are made there: {error.strerror}"
        raise Refused(what, why, f"export XDG_CACHE_HOME=FOLDER; {AGAIN}") from None
    try:
        yield log
    finally:
        os.close(log)


def record(text: str) -> None:
    with places.log().open("a", encoding="utf-8", errors="replace") as log:
        log.write(text)


def answer(command: Sequence[str]) -> str | None:
    """What a query prints, or None when it fails."""
    program = process.which(command[0])
    if not program:
        return None
    try:
        asked = subprocess.run(
            [program, *command[1:]], capture_output=True, text=True, check=False, timeout=QUERY, cwd="/"
        )
    except subprocess.TimeoutExpired:
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None


def run(command: Sequence[str], report: Report, cwd: Path | None = None) -> None:
    """Run a command. Raises Failed, with the end of its output, when it fails."""
    record(f"$ {' '.join(command)}\n")
    tail: deque[str] = deque(maxlen=TAIL)
    with started(command, LONGEST, cwd) as running:
        for line in running.stdout or ():
            record(line)
            tail.append(line.rstrip())
            report.show(line.strip())
    if running.returncode:
        said = [line for line in tail if line.strip()]
        why = said[-1] if said else f"exit code {running.returncode}"
        detail = "\n".join([*said, f"all of it: {places.log()}"])
        raise Failed(f"{' '.join(command[:3])} failed", why, AGAIN, detail)


@contextmanager
def started(
    command: Sequence[str], seconds: float, cwd: Path | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """A command that runs, with both outputs in one pipe. It ends with the block, or after `seconds`."""
    program = process.which(command[0])
    if not program:
        why = "it is not installed, or not on the PATH"
        raise Refused(f"{command[0]} was not found", why, f"install {command[0]}")
    running = subprocess.Popen(
        [program, *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": process.search_path()},
        text=True,
        errors="replace",
        cwd=cwd or "/",  # not the project's folder: a Python program would take modules from there
    )
    _at_work.add(running)
    limit = Timer(seconds, running.kill)
    limit.daemon = True
    limit.start()
    try:
        yield running
    except BaseException:
        running.terminate()
        raise
    finally:
        running.wait()
        limit.cancel()
        _at_work.discard(running)
        if running.stdout:
            running.stdout.close()


def end_all() -> None:
    """End the commands that other threads have started: an interruption reaches the main thread only."""
    for running in list(_at_work):
        running.terminate()
