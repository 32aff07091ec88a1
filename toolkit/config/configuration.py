"""All of bgctl.toml as one value, and what follows from several of its settings."""

from msgspec import field

from toolkit.config import members, served_folders
from toolkit.config.acme_table import Acme
from toolkit.config.edge_tables import HEADERS, Limits, NamedCertificate, Neighbour, Pin, Proxy, Tls
from toolkit.config.hooks_table import Hooks
from toolkit.config.jwks_table import KeySet
from toolkit.config.kinds import HeaderName, HeaderValue, Size
from toolkit.config.members import Member
from toolkit.config.notify_table import Notify
from toolkit.config.served_folders import Served
from toolkit.config.service_table import Service
from toolkit.config.table import Table
from toolkit.config.tables import (
    Canary,
    Drain,
    Health,
    Maintenance,
    Preview,
    ProjectTable,
    Sessions,
    Tokens,
)
from toolkit.values import SLOTS, Address, Duration

PIN_IDLE = 30 * 60  # seconds, where nothing else says how long


class Config(Table, frozen=True):
    """The whole of bgctl.toml."""

    project: ProjectTable
    proxy: Proxy = Proxy()
    tls: Tls = Tls()
    acme: Acme = Acme()
    limits: Limits = Limits()
    certificates: dict[str, NamedCertificate] = field(default_factory=dict)
    neighbours: dict[str, Neighbour] = field(default_factory=dict)
    headers: dict[HeaderName, HeaderValue] = field(default_factory=lambda: dict(HEADERS))
    tokens: Tokens = Tokens()
    jwks: dict[str, KeySet] = field(default_factory=dict)
    sessions: Sessions = Sessions()
    pin: Pin = Pin()
    services: dict[str, Service] = field(default_factory=dict)
    health: Health = Health()
    drain: Drain = Drain()
    maintenance: Maintenance = Maintenance()
    preview: Preview = Preview()
    canary: Canary = Canary()
    hooks: Hooks = Hooks()
    notify: Notify = Notify()

    @property
    def listeners(self) -> list[tuple[str, Address]]:
        """(setting, address) of each address at which the proxy listens."""
        public = [("proxy.listen", each) for each in self.proxy.listen]
        secure = [("tls.listen", each) for each in self.tls.listen if self.tls.on]
        return [*public, ("proxy.control", self.proxy.control), *secure]

    def apart(self, address: Address) -> bool:
        """Whether an address of IPv6 leaves IPv4 to another address of its setting."""
        settings = (self.proxy.listen, self.tls.listen)
        return any(address in each and each.apart(address) for each in settings)

    @property
    def pin_idle(self) -> Duration:
        """How long a pin lasts without a request: a visitor who is counted has to keep the version.

        So it is never less than idle_timeout. Without an idle_timeout, visitors count while their pin lasts.
        """
        idle = self.sessions.idle_timeout
        return Duration(max(self.proxy.pin_idle or idle or PIN_IDLE, idle))

    @property
    def largest_kept(self) -> Size | None:
        """The largest body that waits in the proxy until it is whole; None: all go on as they come."""
        kept = [each for each in self.services.values() if not each.worker and not each.streams]
        limits = [each.max_body or self.proxy.max_body for each in kept]
        return max(limits, key=lambda size: size.bytes, default=None)

    @property
    def folders(self) -> list[Served]:
        """The folders whose files the proxy sends itself."""
        return served_folders.of(self.services)

    @property
    def kept(self) -> list[Served]:
        """The folders of slots whose files bgctl keeps for old pages."""
        return served_folders.kept(self.services)

    def is_session_api(self, service: Service) -> bool:
        return service.address == self.sessions.address

    @property
    def proxy_service(self) -> str:
        """The proxy's compose service."""
        return str(self.proxy.service)

    @property
    def scheme(self) -> str:
        """The scheme by which browsers come; without [tls], HTTPS ends in front of the proxy."""
        return "https" if self.proxy.secure_cookies else "http"

    @property
    def compose_services(self) -> list[str]:
        """Every service that the compose file must have by this configuration."""
        slots = [member.compose for name in self.slotted for member in self.pair(name)]
        return [self.proxy_service, *self.shared, *slots]

    def members(self, slot: str) -> list[Member]:
        """Every container of a slot."""
        return members.of(self.services, slot)

    def pair(self, name: str) -> list[Member]:
        """The containers of a slotted service in both slots, blue's first."""
        return [member for slot in SLOTS for member in members.of({name: self.services[name]}, slot)]

    @property
    def placed(self) -> dict[str, Member]:
        """The containers of both slots, by compose service."""
        return {member.compose: member for slot in SLOTS for member in self.members(slot)}

    @property
    def slotted(self) -> dict[str, Service]:
        return {name: service for name, service in self.services.items() if service.slotted}

    @property
    def reached(self) -> dict[str, Service]:
        """The slotted services that have an address in each slot; the others are workers."""
        return {name: service for name, service in self.slotted.items() if not service.worker}

    @property
    def workers(self) -> dict[str, Service]:
        return {name: service for name, service in self.slotted.items() if service.worker}

    @property
    def shared(self) -> dict[str, Service]:
        return {name: service for name, service in self.services.items() if not service.slotted}
