"""Commands with their output in the log, and the short lines that a person sees."""

# ruff: noqa: S603  every command is put together here from constants; none goes through a shell

import fcntl
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "images"
LOG = ROOT / ".cache" / "setup" / "images.log"
TAIL = 20  # lines of output shown with a failure


class SetupError(Exception):
    """Something that the reader has to mend; its message says what."""


def say(message: str) -> None:
    """Print a line; in one write, because bases are made side by side."""
    print(f"setup: {message}\n", end="", flush=True)


@contextmanager
def only_one() -> Iterator[None]:
    """Begin the log of this run, once no other run is at work: they share the log and the build context."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        log.truncate(0)
        yield


def record(text: str) -> None:
    with LOG.open("a") as log:
        log.write(text)


def answer(command: Sequence[str]) -> str | None:
    """What a query prints, or None when it fails."""
    if not shutil.which(command[0]):
        return None
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else None


def run(command: Sequence[str]) -> None:
    """Run a command; SetupError, with the end of its output, when it fails."""
    if not shutil.which(command[0]):
        raise SetupError(f"{command[0]} was not found: please install it")
    ran = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    output = ran.stdout.decode(errors="replace")
    record(f"$ {' '.join(command)}\n{output}")
    if ran.returncode:
        tail = "\n".join(output.splitlines()[-TAIL:])
        raise SetupError(f"failed: {' '.join(command[:3])} ...\n{tail}\nsetup: the whole log: {LOG}")
