"""The address of a Redis server, as the environment gives it. Imports no Redis client."""

import re
from dataclasses import dataclass, field

URL = re.compile(r"(rediss?://[^/?#\s]+(/\d{1,3})?|unix://[^?#\s]*/[^?#\s]+)(\?[^#\s]*)?")


@dataclass(frozen=True)
class RedisAddress:
    """Its repr shows neither field: the URL may hold a password, too."""

    url: str = field(repr=False)
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError, which does not repeat what it refuses."""
        if not URL.fullmatch(self.url):
            raise ValueError("must be redis://HOST:PORT/DB, or rediss:// with TLS")

    @property
    def shown(self) -> str:
        """Where the server is, for messages: without user, password and options."""
        scheme, _, place = self.url.partition("?")[0].partition("://")
        return f"{scheme}://{place.rpartition('@')[2]}"
