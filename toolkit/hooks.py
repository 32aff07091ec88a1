"""Runs the commands that an operator gives to bgctl.

`attend` runs that of `bgctl pause -- CMD` with the operator's own terminal. `run` runs the others, which may
run unattended: that of `[preview] check` and of `bgctl preview --check`, and `[canary] command`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from toolkit.engine import process
from toolkit.errors import Failed, Refused


def check(argv: Sequence[str], usage: str) -> None:
    """Raises Refused where there is no such program."""
    if not process.which(argv[0]):
        raise Refused(f"{argv[0]} was not found", "there is nothing to run", usage)


def attend(argv: Sequence[str], to_stderr: bool) -> None:
    """Runs a command that has our environment, folder and terminal, for as long as it takes.

    `to_stderr`: its output goes there, because ours on standard output is JSON. Raises Failed when its exit
    code is not 0.
    """
    code = process.attend(argv, to_stderr=to_stderr)
    if code:
        why = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
        raise Failed("the command failed", why, "mend it, then run the same command again")


def run(
    argv: Sequence[str],
    *,
    called: str,
    folder: Path,
    env: Mapping[str, str],
    timeout: float,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Runs a command without a terminal, in the project's folder.

    It has our environment and the variables of `env`, which begin with BGCTL_. After `timeout` seconds it is
    killed. Each line of its output is given to `tell`. Raises Failed, in which `called` names the command
    and the reason is its last lines of output.
    """
    process.run(argv, timeout=timeout, env=env, cwd=folder, called=called, tell=tell)
