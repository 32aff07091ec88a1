"""Pulling with patience: short for a registry that is silent, long for one that has begun to send."""

from collections.abc import Sequence
from threading import Timer

from toolkit.images.shell import Report, record, started

ANSWER_TIMEOUT = 20.0  # seconds
PULL_TIMEOUT = 900.0  # seconds
SIGNS = ("Pulling from", "Getting image source")  # the first that docker and podman print of an answer


def pull(command: Sequence[str], report: Report) -> bool:
    """Run a pull command, its output into the log. Returns whether it succeeded in time."""
    with started(command, PULL_TIMEOUT) as process:
        patience = Timer(ANSWER_TIMEOUT, process.kill)
        patience.start()
        try:
            for line in process.stdout or ():
                record(line)
                report.show(line.strip())
                if line_shows_answer(line):
                    patience.cancel()
        finally:
            patience.cancel()
    return process.returncode == 0


def line_shows_answer(line: str) -> bool:
    return any(sign in line for sign in SIGNS)
