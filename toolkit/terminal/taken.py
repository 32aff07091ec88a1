"""A step that was taken, for those who tell of it later."""

from msgspec import Struct


class Taken(Struct, frozen=True, omit_defaults=True):
    """`seconds` is how long it took. `mark` is that of its line: "ok", or what became of it."""

    name: str
    seconds: float
    mark: str = "ok"
