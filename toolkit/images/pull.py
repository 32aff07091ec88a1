"""Pulling with patience: short for a registry that is silent, long for one that has begun to send."""

import subprocess
from collections.abc import Sequence
from threading import Timer

from toolkit.images.shell import record

ANSWER_TIMEOUT = 20.0  # seconds
PULL_TIMEOUT = 900.0  # seconds
SIGNS = ("Pulling from", "Getting image source")  # the first that docker and podman print of an answer


def pull(command: Sequence[str]) -> bool:
    """Run a pull command, its output into the log. Returns whether it succeeded in time."""
    with subprocess.Popen(  # noqa: S603  put together from constants, as in shell
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        patience, limit = Timer(ANSWER_TIMEOUT, process.kill), Timer(PULL_TIMEOUT, process.kill)
        patience.start()
        limit.start()
        for line in process.stdout or ():
            record(line)
            if line_shows_answer(line):
                patience.cancel()
        patience.cancel()
        limit.cancel()
    return process.returncode == 0


def line_shows_answer(line: str) -> bool:
    return any(sign in line for sign in SIGNS)
