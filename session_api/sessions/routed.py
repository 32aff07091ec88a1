"""To which version the proxy has sent a request."""

from typing import NamedTuple


class Routed(NamedTuple):
    """`generation` is that of the state in which it has this session, None where no header says it."""

    version: str
    generation: int | None = None
