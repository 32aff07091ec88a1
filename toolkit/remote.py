"""`bgctl --host`: the same command line on another machine, by OpenSSH. Nothing of it runs here.

ssh brings output, questions, Ctrl-C and the exit code through; what is in ~/.ssh/config holds.
"""

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence

from toolkit.context import CALLER
from toolkit.engine import process
from toolkit.errors import Failed, Refused

HOST = re.compile(r"(?:[A-Za-z0-9._-]+@)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\]|[0-9A-Fa-f:.]+)")
UNREACHED = 255  # ssh(1): an error of its own
MISSING = 127  # as shells have it: no such command
# A shell that is no log-in has a short PATH; pipx and pip put bgctl into the first of these.
SCRIPT = 'PATH="$PATH:$HOME/.local/bin:/usr/local/bin"; command -v bgctl >/dev/null || exit 127; exec '


def run(host: str, argv: Sequence[str]) -> int:
    """Runs `bgctl ARGV` on `host`, "server" or "user@server". Returns its exit code.

    Raises Refused for what is no host, and Failed where ssh does not get there or finds no bgctl.
    """
    if not HOST.fullmatch(host) or host.startswith("-"):
        raise Refused(f"{host!r} is no host", "it is SERVER or USER@SERVER, as ssh takes it", "bgctl --help")
    if not process.which("ssh"):
        raise Refused("ssh was not found", "--host needs OpenSSH's client", "install openssh-client")
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    code = process.attend(line(host, argv, on_terminal, os.environ))
    if code == UNREACHED:
        why = "ssh says why, above; or bgctl was killed there"
        raise Failed(f"{host} was not reached", why, f"ssh {host} true")
    if code == MISSING:
        why = "it is in no folder of the PATH that ssh has there, nor in ~/.local/bin"
        raise Failed(f"there is no bgctl on {host}", why, f"install it there (docs/install.md): ssh {host}")
    return code if code >= 0 else 128 - code


def line(host: str, argv: Sequence[str], on_terminal: bool, env: Mapping[str, str]) -> list[str]:
    """The command line of ssh. `on_terminal`: bgctl gets a terminal there, for its questions and its colours.

    Without one nothing there hears of Ctrl-C or of a connection that is cut: bgctl itself looks to that.
    """
    told = [f"{CALLER}=1"] if not on_terminal else []
    told += [f"NO_COLOR={env['NO_COLOR']}"] if env.get("NO_COLOR") else []
    script = SCRIPT + shlex.join(["env", *told, "bgctl", *argv])
    return ["ssh", "-t" if on_terminal else "-T", "--", host, f"exec sh -c {shlex.quote(script)}"]


def end_with_caller() -> None:
    """Takes the end of the process that has started us, sshd's, for Ctrl-C. What we start is not told."""
    del os.environ[CALLER]
    process.end_with_parent()
