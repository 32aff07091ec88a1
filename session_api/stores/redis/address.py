"""The address of a Redis server, as the environment gives it. Imports no Redis client."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

URL = re.compile(r"(rediss?://[^/?#\s]+(/\d{1,3})?|unix://[^?#\s]*/[^?#\s]+)(\?[^#\s]*)?")
HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?"
SENTINELS = re.compile(r"(rediss?)\+sentinel://([^/?#@\s]+)/([A-Za-z0-9._-]+)(?:/(\d{1,3}))?")
SENTINEL_PORT = 26379
# Of all keys of sessions. The braces put them into one slot of a cluster: a script may not reach beyond.
PREFIX = "{bgctl}"
OWNERS = f"{PREFIX}:owners"  # the marks of the project to which the sessions belong


class Sentinels(NamedTuple):
    """Those who know which server is the primary of the service `name`: hosts, each with its port."""

    hosts: tuple[tuple[str, int], ...]
    name: str
    database: int
    tls: bool


@dataclass(frozen=True)
class RedisAddress:
    """Its repr shows neither field: the URL may hold a password, too."""

    url: str = field(repr=False)
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError, which does not repeat what it refuses."""
        if not URL.fullmatch(self.url) and not self.sentinels:
            raise ValueError("must be redis://HOST:PORT/DB, or rediss:// with TLS")

    @property
    def sentinels(self) -> Sentinels | None:
        """Of an address such as redis+sentinel://HOST:PORT,HOST:PORT/NAME/DB."""
        if not (found := SENTINELS.fullmatch(self.url)):
            return None
        scheme, listed, name, database = found.groups()
        hosts = [re.fullmatch(HOST, each) for each in listed.split(",")]
        if not all(hosts):
            return None
        known = tuple((host[1].strip("[]"), int(host[2] or SENTINEL_PORT)) for host in hosts if host)
        return Sentinels(known, name, int(database or 0), scheme == "rediss")

    @property
    def shown(self) -> str:
        """Where the server is, for messages: without user, password and options."""
        scheme, _, place = self.url.partition("?")[0].partition("://")
        return f"{scheme}://{place.rpartition('@')[2]}"
