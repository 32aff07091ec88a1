"""What `bgctl init` asks where a person is there to answer, and how it says so where nobody is."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Asker(Protocol):
    """Asks the operator. `can_ask` False: there is no terminal, and nothing may be asked."""

    @property
    def can_ask(self) -> bool: ...

    def choose(self, question: str, options: Sequence[str]) -> str:
        """One of the options."""

    def text(self, question: str, parse: Callable[[str], T], default: str) -> T:
        """What `parse` makes of the answer; asked again where it raises ValueError."""


class Nobody:
    """The asker where there is no terminal."""

    can_ask = False

    def choose(self, question: str, options: Sequence[str]) -> str:
        raise NotImplementedError(question)

    def text(self, question: str, parse: Callable[[str], T], default: str) -> T:
        raise NotImplementedError(question)
