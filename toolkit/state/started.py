"""state/started.json as values: with which settings each container was started."""

from msgspec import Struct


class Started(Struct, frozen=True):
    """A container's settings: `prints` has the keyed hash of each, by its name.

    `id` is the engine's, of the container. `key` tells the keys apart with which it was hashed, and `form`
    the compose commands: each prints most settings in a way of its own.
    """

    id: str
    key: str
    form: str
    prints: dict[str, str]
