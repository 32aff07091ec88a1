"""The tables of bgctl.toml for what faces browsers: listeners, TLS, headers, limits, the proxy's cookies."""

from typing import Annotated

from msgspec import Meta

from toolkit.config.edge_kinds import BalancerPath, HostName, Listen, LogName, Rate, UnknownHosts
from toolkit.config.kinds import (
    Between,
    CookieStem,
    Domain,
    DurationOrOff,
    HeaderName,
    HeaderValue,
    Network,
    Path,
    SameSite,
    ServiceName,
    Size,
)
from toolkit.config.table import Table
from toolkit.values import Address, Duration

HEADERS = {
    HeaderName("X-Content-Type-Options"): HeaderValue("nosniff"),
    HeaderName("X-Frame-Options"): HeaderValue("SAMEORIGIN"),
    HeaderName("Referrer-Policy"): HeaderValue("strict-origin-when-cross-origin"),
}


class Proxy(Table, frozen=True):
    """The proxy's listeners, time-outs and limits. `service` is its compose service.

    `listen` is plain HTTP: beside [tls], it redirects. `trusted` are the networks whose X-Forwarded-* is
    believed, or with `proxy_protocol` what they say of the client as a connection begins (PROXY protocol,
    versions 1 and 2). At `balancer_path` they ask whether this node is to get traffic ("": they cannot), and
    `balancer_notice` is how long they take until they have noticed that it is not. `pin_idle` is as it is
    written; what holds is Config.pin_idle. `unknown_hosts`: what becomes of requests for hosts that neither a
    service nor a certificate nor a neighbour names. `workers`, `connections` (of clients, for each worker)
    and `sessions` (whom the proxy knows at a time) are 0 where they follow the machine:
    toolkit/rendering/capacity.py.
    """

    service: ServiceName = ServiceName("proxy")
    listen: Listen = Listen([Address("127.0.0.1:8080")])
    unknown_hosts: UnknownHosts = UnknownHosts("serve")
    control: Address = Address("127.0.0.1:9180")
    workers: Annotated[int, Meta(ge=0, le=64)] = 0
    connections: Annotated[int, Meta(ge=0, le=500_000)] = 0
    sessions: Annotated[int, Meta(ge=0, le=50_000_000)] = 0
    secure_cookies: bool = True
    cookie_stem: CookieStem = CookieStem("bg")
    pin_idle: DurationOrOff = DurationOrOff(0)
    read_timeout: Duration = Duration(60)
    connect_timeout: Duration = Duration(2)
    upstream_keepalive: Duration = Duration(4)
    client_timeout: Duration = Duration(30)
    max_body: Size = Size("100m")
    min_rate: Size = Size("32k")
    header_size: Annotated[Size, Between("4k", "64k", "32k")] = Size("32k")
    compress: bool = True
    access_log: bool | str = False
    access_log_file: LogName = LogName("")
    access_log_size: Size = Size("100m")
    access_log_keep: Annotated[int, Meta(ge=1, le=1000)] = 5
    trusted: tuple[Network, ...] = ()
    proxy_protocol: bool = False
    balancer_path: BalancerPath = BalancerPath("")
    balancer_notice: Duration = Duration(10)
    include: Path = Path("")
    unavailable_page: Path = Path("")

    @property
    def log_form(self) -> str:
        """The form of the access log's lines; "": there is none."""
        return "json" if self.access_log is True else self.access_log or ""


class Limits(Table, frozen=True):
    """What one client may ask of the proxy: an address, or an IPv6 network of 64 bits.

    `burst` is how many requests may come at once beyond the rate; 0 connections: as many as it likes.
    """

    requests: Rate = Rate("off")
    burst: Annotated[int, Meta(ge=0, le=100_000)] = 40
    connections: Annotated[int, Meta(ge=0, le=65_535)] = 0
    exempt: tuple[Network, ...] = ()

    @property
    def on(self) -> bool:
        return self.requests != "off" or self.connections > 0


class Tls(Table, frozen=True):
    """TLS is on where `certificate` is given. `port` is the one that browsers see; 0: that of `listen`."""

    certificate: Path = Path("")
    key: Path = Path("")
    listen: Listen = Listen([Address("0.0.0.0:443")])
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    http3: bool = False
    redirect: bool = True
    hsts: DurationOrOff = DurationOrOff(365 * 86400)
    acme_webroot: Path = Path("")

    @property
    def on(self) -> bool:
        return self.certificate != ""

    @property
    def public_port(self) -> int:
        return self.port or self.listen.port


class NamedCertificate(Table, frozen=True):
    """A certificate beside that of [tls], for these hosts: [certificates.NAME]."""

    hosts: tuple[HostName, ...]
    certificate: Path
    key: Path


class Neighbour(Table, frozen=True):
    """Another project, for whose hosts this proxy is the edge: [neighbours.NAME]. Its own is at `address`.

    `connections` are the requests that each worker has there at a time, WebSockets among them.
    """

    hosts: tuple[HostName, ...]
    address: Address
    connections: Annotated[int, Meta(ge=1, le=2000)] = 1000


class Pin(Table, frozen=True):
    """The proxy's own cookies. How long a pin lasts is [proxy] pin_idle."""

    domain: Domain = Domain("")
    same_site: SameSite = SameSite("lax")
