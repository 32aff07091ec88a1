"""Takes looks at a project and keeps what they find: `up` refuses it, and `doctor` tells it.

A look is a generator: it yields each problem, so that an operator learns of all of them at once, and returns
a note for where there is none.
"""

from collections.abc import Callable, Generator, Iterable
from typing import Literal

from msgspec import Struct

from toolkit.config.engines import ANY
from toolkit.errors import BgctlError, NotYet

Problems = Generator[BgctlError, None, str]
Look = Callable[[], Problems]


class Finding(Struct, frozen=True):
    """One result of one look. `skip`: a look that it needs has failed, so this one was not taken."""

    check: str
    result: Literal["ok", "warn", "fail", "skip"]
    seen: str
    next: str = ""


WITH_COMPOSE = ("env file", "engine", "compose file")  # the looks that one at compose services needs
# The next command of a look whose error names none, or doctor: doctor itself may be asking.
MENDS = {
    "configuration": "edit bgctl.toml",
    "env file": "edit the env file",
    "version": "edit the env file",
    "engine": f"start {ANY}",
    "compose file": "edit the compose file, or bgctl.toml",
    "releases": "edit the compose file",
    "by hand": "edit the env file",
    "keys": "bgctl keys list",
    "certificate": "edit bgctl.toml",
    "pages": "edit bgctl.toml",
    "state": "bgctl up",
    "gate": "bgctl up",
    "dependencies": "edit the compose file",
    "images": f"start {ANY}",
    "ports": f"start {ANY}",
    "settings": "bgctl restart",
    "files": "copy them from there",
    "clocks": "bgctl up",
    "cookies": f"start {ANY}",
    "machine": "make room",
    "proxy": "bgctl up",
    "health": "bgctl up",
    "session API": "bgctl up",
    "idle connections": "edit bgctl.toml",
}


class Looks:
    """Takes looks one after the other, and leaves out those that need a look which has failed."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, BgctlError]] = []
        self.findings: list[Finding] = []
        self._failed: set[str] = set()

    def take(self, check: str, look: Look, needs: Iterable[str] = ()) -> None:
        """`check` is the look's name. What it raises ends it, and the looks that need it are left out."""
        if missing := [each for each in needs if each in self._failed]:
            self._failed.add(check)
            self.findings.append(Finding(check, "skip", f"not looked at: it needs the {missing[0]}"))
            return
        found: list[BgctlError] = []
        problems, note = look(), ""
        try:
            while True:
                found.append(next(problems))
        except StopIteration as end:
            note = end.value
        except BgctlError as error:
            found.append(error)
            self._failed.add(check)
        self.errors += [(check, error) for error in found]
        self.findings += [told(check, error) for error in found] or [Finding(check, "ok", note)]


def told(check: str, error: BgctlError) -> Finding:
    """A problem as a finding."""
    next = MENDS[check] if error.next in ("", "bgctl doctor") else error.next
    return Finding(check, "fail" if is_fault(error) else "warn", str(error), next)


def is_fault(error: BgctlError) -> bool:
    """Whether a problem keeps `up` from starting. NotYet does not: that is no fault yet, or becomes none."""
    return not isinstance(error, NotYet)
