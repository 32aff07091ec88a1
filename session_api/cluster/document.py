"""The document: the text of state.json for all nodes, under the number of the lease that wrote it."""

from hashlib import sha256
from typing import Annotated, NamedTuple

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]


class Number(NamedTuple):
    """Which of two documents is newer: the one with the greater number, first by its lease."""

    fence: int
    generation: int

    def __str__(self) -> str:
        return f"{self.fence}.{self.generation}"


NONE = Number(0, 0)  # older than every document


class _State(msgspec.Struct, frozen=True):
    generation: Positive


class Document(msgspec.Struct, frozen=True):
    """`fence` is the lease's number, `state` the text. `without`: nodes that the switch went on without."""

    fence: Positive
    state: str
    without: tuple[str, ...] = ()

    @property
    def number(self) -> Number:
        """Raises ValueError where `state` is not a state."""
        return Number(self.fence, msgspec.json.decode(self.state, type=_State).generation)


def decode(data: bytes) -> Document:
    """Raises ValueError saying what is wrong."""
    document = msgspec.json.decode(data, type=Document)
    _ = document.number
    return document


def encode(document: Document) -> bytes:
    return msgspec.json.encode(document)


def digest(text: bytes) -> str:
    """By which a node knows the text that it has written."""
    return sha256(text).hexdigest()
