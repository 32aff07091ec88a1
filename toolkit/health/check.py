"""A health check: how a service is asked for its health.

The proxy sends the very same request (lua/bg/health/probe.lua).
"""

from typing import Self
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from toolkit.config import Config, Service
from toolkit.values import Address


class Check(Struct, frozen=True):
    """`proof` is where the answer shows its version (`version` in bgctl.toml); "": it need not.

    `within` is the limit in seconds. `by_engine`: the engine says how the service is, and no request is sent.
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
    def by_grpc(self) -> bool:
        """Whether `path` is "grpc", or "grpc:" with the name of a service, and no path."""
        return not self.path.startswith("/")

    @property
    def url(self) -> str:
        if self.by_grpc:
            return f"{self.path} of {self.address}"
        return f"{self.address.url}{self.path}"

    def at(self, host: str) -> Self:
        """The same check of the service on another host."""
        return replace(self, address=self.address.at(host))

    @property
    def headers(self) -> dict[str, str]:
        """Host and scheme are those of browsers, as the proxy passes them on: apps may refuse any others."""
        return {
            "Host": self.host,
            "User-Agent": "bgctl-health",
            "Accept": "application/json, */*",
            "X-Forwarded-Proto": self.scheme,
            "X-Forwarded-Host": self.host,
            "Connection": "close",
        }


def of(config: Config, name: str, place: str = "address", number: int = 1) -> Check:
    """The check of service `name` at its `place`: blue, green or address; in a slot, of this replica."""
    service = config.services[name]
    address = service.at(place, number)
    return Check(
        name,
        address,
        "/" if service.health.by_engine else str(service.health),
        str(service.health_host) or _own_host(service) or known_host(config) or str(address),
        config.scheme,
        str(service.version) if service.slotted else "",
        float(config.health.check_timeout),
        service.health.by_engine,
    )


def _own_host(service: Service) -> str:
    """The first host that the service names in full; ""."""
    return next((str(host) for host in service.hosts if not host.wildcard), "")


def known_host(config: Config) -> str:
    """The Host that browsers send; "": bgctl.toml does not say it."""
    return urlsplit(config.preview.url).netloc
