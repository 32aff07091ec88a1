"""The only place that starts other programs: with a time-out, and errors that say what failed."""

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
from typing import TYPE_CHECKING

from toolkit.errors import Failed

if TYPE_CHECKING:
    from sh import RunningCommand

# The folders in which engines are installed; cron's PATH lacks some of them.
_PATHS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


GRACE = 5.0  # seconds between SIGTERM and SIGKILL for an operator's own command


class Ended(Failed):
    """A program that ended with another exit code than 0, of its own accord."""


def search_path() -> str:
    """PATH, the usual folders, and that of our own interpreter, where podman-compose may be installed."""
    here = str(Path(sys.executable).parent)
    return os.pathsep.join(dict.fromkeys([*os.environ.get("PATH", "").split(os.pathsep), *_PATHS, here]))


def which(name: str) -> str | None:
    """The path of a program; None: it is not installed."""
    return shutil.which(name, path=search_path())


def attend(argv: Sequence[str], to_stderr: bool = False) -> int:
    """Runs an operator's own command with our terminal, and returns its exit code; negative: a signal's.

    When bgctl is interrupted, the command gets SIGTERM, and SIGKILL after `GRACE` seconds.
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
    told: str | None = None,
) -> str:
    """Runs a program and returns its standard output (`both`: followed by its standard error).

    `called` is its name in messages. `tell` gets each line of both outputs as it comes, and both are returned
    then. `told` is its standard input. Raises Ended on a non-zero exit, Failed after `timeout` seconds, or
    when there is no such program.
    """
    import sh

    lines = _Lines(tell) if tell else None
    process = _started(argv, env or {}, cwd, lines, told)
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


def _started(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: Path | None,
    lines: "_Lines | None",
    told: str | None,
) -> "RunningCommand":
    """The program, running in a session of its own. Raises Failed when there is none of this name."""
    import sh

    program = which(argv[0])
    if program is None:
        raise Failed(f"{argv[0]} was not found", "it is not installed, or not on the PATH", "bgctl doctor")
    return sh.Command(program)(
        *argv[1:],
        _bg=True,
        _bg_exc=False,
        _new_session=True,
        _tty_out=False,
        _truncate_exc=False,
        _decode_errors="replace",
        _env=environment(env),
        _preexec_fn=_die_with_parent(),
        _cwd=str(cwd) if cwd else None,
        _in=told.encode() if told is not None else None,
        _out=lines,
        _err_to_out=lines is not None,
    )


def follow(argv: Sequence[str], tell: Callable[[str], None]) -> int:
    """Runs a program until it ends by itself, and returns its exit code; `tell` gets each line that it says.

    The program is killed when the thread that follows it ends.
    """
    process = subprocess.Popen(  # noqa: S603  one of our engines'
        [which(argv[0]) or argv[0], *argv[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment({}),
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
    """Collects what a program says and tells it line by line: sh keeps nothing of what it hands on."""

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
    """Has the kernel kill a program when bgctl is killed. Linux only.

    A compose command that outlives a bgctl ended by kill -9 would race with the next one.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork: after it, nothing may be loaded

    def ask() -> None:
        prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG

    return ask


def end_with_parent() -> None:
    """Has the kernel interrupt bgctl, as Ctrl-C does, when what has started it ends. Linux only."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(1, signal.SIGINT)
        if os.getppid() != parent:  # it has ended meanwhile
            raise KeyboardInterrupt


@contextmanager
def _time_limit(pid: int, seconds: float) -> Iterator[threading.Event]:
    """Kills a process after so many seconds. sh's own limit costs 0.1 s of polling for each command."""
    over = threading.Event()

    def strike() -> None:
        over.set()
        _kill(pid)

    timer = threading.Timer(seconds, strike)
    timer.daemon = True  # bgctl may end before the time is over; the kernel kills the process then
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a program is told: our own variables, and `extra` over them."""
    env = {**os.environ, "PATH": search_path(), **extra}
    if "HOME" not in env:
        with suppress(KeyError):
            env["HOME"] = pwd.getpwuid(os.getuid()).pw_dir
    return env


def _kill(pid: int) -> None:
    """Kills the whole session of a process: a compose command has children of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _name(argv: Sequence[str]) -> str:
    """The program and its first words, for messages; no options, which may hold secrets."""
    return " ".join([Path(argv[0]).name, *[word for word in argv[1:] if not word.startswith("-")][:2]])


def _last_lines(stderr: bytes, count: int = 5) -> str:
    lines = [line for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    return "\n".join(lines[-count:])
