"""The one way to fail: what happened, why, and the command to run next."""

from collections.abc import Callable, Iterator, Sequence

AGAIN = "mend it, then run the same command again"
ALL = "mend them, then run the same command again"


class BgctlError(Exception):
    """Anything a user or a broken machine can cause. `detail` is longer text, such as a log's last lines."""

    code = 1

    def __init__(self, what: str, why: str = "", next: str = "", detail: str = "") -> None:
        super().__init__(f"{what}: {why}" if why else what)
        self.what, self.why, self.next, self.detail = what, why, next, detail

    @property
    def line(self) -> str:
        """All of it but the detail in one line, for a warning."""
        return f"{self}; next: {self.next}" if self.next else str(self)


class Failed(BgctlError):  # noqa: N818  (outcomes, named as in the table of exit codes)
    """Something was tried and did not work; as far as possible it has been undone."""


class Refused(BgctlError):  # noqa: N818
    """A precondition is not met; nothing has changed."""

    code = 3


class MovedOn(Refused):
    """Another command has changed the release meanwhile."""


class Locked(BgctlError):  # noqa: N818
    """Another bgctl is changing this project."""

    code = 4


class NotYet(BgctlError):  # noqa: N818
    """The old version still has sessions or open requests."""

    code = 5


def caught(look: Callable[[], object]) -> Iterator[BgctlError]:
    """Yields the error that `look` raises, so that it can be told together with others."""
    try:
        look()
    except BgctlError as error:
        yield error


def together(found: Sequence[BgctlError]) -> BgctlError:
    """One error to raise for several: the first, with the others below it, each above its own next step.

    A next step that is the same for all is said once, at the end.
    """
    first, *others = found
    if not others:
        return first
    steps = {each.next for each in found if each.next}
    differ = len(steps) > 1
    lines = []
    for each in found:
        lines += [f"and {each}"] * (each is not first)
        lines += [f"    next: {each.next}"] * (differ and bool(each.next))
        lines += [each.detail] * bool(each.detail)
    return type(first)(first.what, first.why, ALL if differ else "".join(steps), "\n".join(lines))
