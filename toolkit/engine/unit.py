"""Runs programs one after the other as one thing, which goes on even if this process is killed meanwhile.

It is for a few seconds in which nobody would be served were it left half done.
"""

import os
import shlex
import subprocess
from collections.abc import Sequence
from tempfile import TemporaryFile

from toolkit.engine import process
from toolkit.errors import Failed

SAID = 500  # letters of what they say that a message has


def run(commands: Sequence[Sequence[str]], timeout: float) -> None:
    """Each begins once the one before has ended well. An interruption is heard after their end.

    Raises Failed when one of them fails, or after `timeout` seconds.
    """
    name = commands[0][0]
    text = " && ".join(shlex.join([process.which(argv[0]) or argv[0], *argv[1:]]) for argv in commands)
    with TemporaryFile() as said:
        child = subprocess.Popen(  # noqa: S603  our engine's commands
            ["/bin/sh", "-c", text],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={**os.environ, "PATH": process.search_path()},
            start_new_session=True,
        )
        try:
            _end(child, timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"{name} was given up", f"no answer within {timeout:g} s", "bgctl doctor") from None
        said.seek(0)
        why = said.read().decode(errors="replace").strip()[-SAID:]
    if child.returncode:
        raise Failed(f"{name} failed with exit code {child.returncode}", why)


def _end(child: "subprocess.Popen[bytes]", timeout: float) -> None:
    try:
        child.wait(timeout)
    except KeyboardInterrupt:
        child.wait(timeout)
        raise
