"""The only place that starts other programs: `sh`, with a time-out, no terminal, and errors in our words."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from toolkit.errors import Failed

# cron's PATH is short; engines live in these.
_PATHS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


GRACE = 5.0  # seconds


class Ended(Failed):
    """A program that ended with another exit code than 0, of its own accord."""


def search_path() -> str:
    """PATH, then the usual places, then where our own interpreter is (podman-compose is installed there)."""
    here = str(Path(sys.executable).parent)
    return os.pathsep.join(dict.fromkeys([*os.environ.get("PATH", "").split(os.pathsep), *_PATHS, here]))


def which(name: str) -> str | None:
    return shutil.which(name, path=search_path())


def attend(argv: Sequence[str], to_stderr: bool = False) -> int:
    """The exit code of what an operator wants to run, with our terminal; negative: the signal that ended it.

    It ends with us: when we are interrupted it gets SIGTERM, and `GRACE` seconds.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  it is the operator's own command
            [which(argv[0]) or argv[0], *argv[1:]], stdout=2 if to_stderr else None
        )
    except OSError as error:
        raise Failed(f"{argv[0]} cannot be started", error.strerror or str(error)) from None
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        raise
    finally:
        process.kill()


def run(
    argv: Sequence[str],
    *,
    timeout: float = 60,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    both: bool = False,
    called: str = "",
    tell: Callable[[str], None] | None = None,
) -> str:
    """Standard output (`both`: followed by standard error).

    `called` is what it is in messages. `tell` gets each line of both as it comes; then both are returned.
    Raises Ended on a non-zero exit, Failed after `timeout` seconds, or when there is no such program.
    """
    import sh

    program = which(argv[0])
    if program is None:
        raise Failed(f"{argv[0]} was not found", "it is not installed, or not on the PATH", "bgctl doctor")
    lines = _Lines(tell) if tell else None
    process = sh.Command(program)(
        *argv[1:],
        _bg=True,
        _bg_exc=False,
        _new_session=True,
        _tty_out=False,
        _truncate_exc=False,
        _decode_errors="replace",
        _env=_environment(env or {}),
        _preexec_fn=_die_with_parent(),
        _cwd=str(cwd) if cwd else None,
        _out=lines,
        _err_to_out=lines is not None,
    )
    try:
        with _time_limit(process.pid, timeout) as over:
            process.wait()
    except sh.ErrorReturnCode as error:
        if over.is_set():
            why = f"no answer within {timeout:g} s" + (": the engine hangs" if not called else "")
            raise Failed(f"{called or _name(argv)} was given up", why, "bgctl doctor") from None
        why = _last_lines(lines.text if lines else error.stderr)
        raise Ended(f"{called or _name(argv)} failed with exit code {error.exit_code}", why) from None
    except BaseException:
        _kill(process.pid)
        raise
    if lines:
        return lines.text.decode()
    text: str = process.stdout.decode(errors="replace")
    return text + process.stderr.decode(errors="replace") if both else text


def follow(argv: Sequence[str], tell: Callable[[str], None]) -> int:
    """The exit code of what runs for as long as it likes; `tell` gets each line of what it says.

    It ends with the thread that follows it.
    """
    process = subprocess.Popen(  # noqa: S603  one of our engines'
        [which(argv[0]) or argv[0], *argv[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment({}),
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C is for us
        preexec_fn=_die_with_parent(),
    )
    try:
        for line in process.stdout or ():
            tell(line.rstrip("\r\n"))
        return process.wait()
    finally:
        process.kill()


class _Lines:
    """What a program says, told line by line; sh keeps nothing of what it hands on."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._all: list[str] = []

    def __call__(self, line: str) -> None:
        self._all.append(line)
        self._tell(line.rstrip("\r\n"))

    @property
    def text(self) -> bytes:
        return "".join(self._all).encode()


def _die_with_parent() -> Callable[[], None] | None:
    """For kill -9: a compose command that outlives us would race with the next run. Linux only."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: after the fork is no time to load anything

    def ask() -> None:
        prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG

    return ask


@contextmanager
def _time_limit(pid: int, seconds: float) -> Iterator[threading.Event]:
    """Kills the process when the time is over. sh's own limit costs 0.1 s of polling for each command."""
    over = threading.Event()

    def strike() -> None:
        over.set()
        _kill(pid)

    timer = threading.Timer(seconds, strike)
    timer.daemon = True  # whoever asked may have given up and gone; the kernel ends the process then
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    env = {**os.environ, "PATH": search_path(), **extra}
    if "HOME" not in env:
        with suppress(KeyError):
            env["HOME"] = pwd.getpwuid(os.getuid()).pw_dir
    return env


def _kill(pid: int) -> None:
    # The whole session: a compose command has children of its own.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _name(argv: Sequence[str]) -> str:
    """Enough to know what ran, and nothing that an option may carry."""
    return " ".join([Path(argv[0]).name, *[word for word in argv[1:] if not word.startswith("-")][:2]])


def _last_lines(stderr: bytes, count: int = 5) -> str:
    lines = [line for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    return "\n".join(lines[-count:])
