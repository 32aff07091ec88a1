"""How a service is asked for its health: by the proxy (lua/bg/health/probe.lua) and by bgctl in the same
words."""

from urllib.parse import urlsplit

from msgspec import Struct

from toolkit.config import Config
from toolkit.values import Address


class Check(Struct, frozen=True):
    """`proof` is where the answer shows its version, "" where it need not. `within` are seconds.

    `by_engine`: the engine says how the service is, and nobody asks the service itself.
    """

    service: str
    address: Address
    path: str
    host: str
    scheme: str
    proof: str
    within: float = 2.0
    by_engine: bool = False

    @property
    def url(self) -> str:
        return f"{self.address.url}{self.path}"

    @property
    def headers(self) -> dict[str, str]:
        """Host and scheme as the proxy passes on a browser's: an app may refuse or redirect all others."""
        return {
            "Host": self.host,
            "User-Agent": "bgctl-health",
            "Accept": "application/json, */*",
            "X-Forwarded-Proto": self.scheme,
            "X-Forwarded-Host": self.host,
            "Connection": "close",
        }


def of(config: Config, name: str, place: str = "address") -> Check:
    """The check of service `name` at its `place`: blue, green or address."""
    service = config.services[name]
    address = service.at(place)
    return Check(
        name,
        address,
        "/" if service.health.by_engine else str(service.health),
        str(service.health_host) or known_host(config) or str(address),
        config.scheme,
        str(service.version) if service.slotted else "",
        float(config.health.check_timeout),
        service.health.by_engine,
    )


def known_host(config: Config) -> str:
    """The Host that browsers send, where bgctl.toml tells: "" otherwise."""
    return urlsplit(config.preview.url).netloc
