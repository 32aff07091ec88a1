"""A pip that works: beside this bgctl, or the machine's, or one that is made for this alone."""

import sys
from collections.abc import Sequence

from toolkit.engine import process
from toolkit.errors import AGAIN, Failed, Refused
from toolkit.images import places
from toolkit.images.shell import Report, answer, run


def command(report: Report) -> list[str]:
    """How a command begins that runs pip. It may be any Python's: it is told for which one it works.

    Raises Refused where there is none: an environment that uv has made has no pip.
    """
    known = [[sys.executable], ["python3"], [str(places.images() / "pip" / "bin" / "python")]]
    for python in known:
        if _works(python):
            return [*python, "-m", "pip"]
    report.tell("no pip is here: making one")
    try:
        run([sys.executable, "-m", "venv", "--clear", str(places.images() / "pip")], report)
    except Failed as error:
        why = "it fetches the packages of the session API"
        next = (
            f"install pip (Debian: apt-get install python3-pip), or: {sys.executable} -m ensurepip; {AGAIN}"
        )
        raise Refused("there is no pip", why, next, error.detail) from None
    return [*known[-1], "-m", "pip"]


def _works(python: Sequence[str]) -> bool:
    return bool(process.which(python[0])) and answer([*python, "-m", "pip", "--version"]) is not None
