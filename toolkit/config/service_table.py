"""The table of bgctl.toml for a service of the app: [services.NAME]."""

from typing import Annotated

from msgspec import Meta, field

from toolkit.config.edge_kinds import HostName
from toolkit.config.kinds import Folder, HealthPath, Host, Prefix, Proof, Protocol, Route, Size
from toolkit.config.table import Table
from toolkit.values import Address, Duration

API_ROUTES = ("/api/deployment/",)  # of the session API, where bgctl.toml names none


class Service(Table, frozen=True):
    """A service of the app: slotted (`blue` and `green`), shared by both versions (`address`), or a worker.

    `timeout` and `connections` are for a shared service; a slotted one has `read_timeout`, else that of
    [proxy]. `max_body` is that of [proxy] where it is not given. Without `buffering` bodies go on as they
    come, those of requests and of answers. `static` and `accel` are folders with files that the proxy sends
    itself, by the beginning of their paths (served_folders.py): for whoever asks, and where the app says
    X-Accel-Redirect. `assets` are the paths of files for which old pages may ask, each with the folder in a
    slot from which bgctl keeps them, where it is to: those of `assets_keep` versions that have gone, at most
    `assets_room` of them. `protocol` is what the app speaks. `version` is for a slotted one; `health_host` is
    the Host of its checks. The session API (the shared service at [sessions] address) needs no `routes`. A
    worker has neither routes nor addresses: it is started and stopped with its slot. Each slot has `replicas`
    containers of a slotted service or a worker: `blue` and `green` are the addresses of the first, and the
    others have the ports after it.

    `hosts` are those at which its routes are: none, every host.

    `port` is where a slotted service listens in its container. bgctl publishes it at `blue` and `green` where
    the compose file has one service and no pair (toolkit/engine/derivation.py). 0: there is a pair.
    """

    routes: tuple[Route, ...]
    hosts: tuple[HostName, ...] = ()
    health: HealthPath = HealthPath("")
    health_host: Host = Host("")
    version: Proof = Proof("image")
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    blue: Address | None = None
    green: Address | None = None
    address: Address | None = None
    replicas: Annotated[int, Meta(ge=1, le=32)] = 1
    mirror: Annotated[int, Meta(ge=0, le=100)] = 0
    timeout: Duration = Duration(10)
    connections: Annotated[int, Meta(ge=1, le=2000)] = 250
    read_timeout: Duration | None = None
    buffering: bool = True
    max_body: Size | None = None
    static: dict[Prefix, Folder] = field(default_factory=dict)
    accel: dict[Prefix, Folder] = field(default_factory=dict)
    assets: tuple[Prefix, ...] | dict[Prefix, Folder] = ()
    assets_keep: Annotated[int, Meta(ge=0, le=20)] = 3
    assets_room: Size = Size("200m")
    protocol: Protocol = Protocol("http")

    @property
    def slotted(self) -> bool:
        return self.address is None

    @property
    def worker(self) -> bool:
        return not self.routes and (self.address, self.blue, self.green) == (None, None, None)

    @property
    def streams(self) -> bool:
        """Whether the app is sent the body of a request while it comes in: then none waits in the proxy."""
        return not self.buffering or self.protocol != "http"

    def at(self, place: str, number: int = 1) -> Address:
        """Where it is reached: at its `address`, or in blue or green, the replica of this number there."""
        found: Address | None = getattr(self, place)
        assert found is not None, f"{place} was validated"
        return found.after(number - 1) if number > 1 else found
