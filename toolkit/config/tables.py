"""The tables of bgctl.toml: every setting with its kind, its limits and its default.

This is the one place where a setting is added; tests/unit/toolkit/config/test_settings.py names what else
has to know of it. What several settings must have in common is in rules.py and service_rules.py.
"""

from typing import Annotated

from msgspec import Meta, Struct

from toolkit.config.kinds import (
    Between,
    ClaimName,
    CookieStem,
    Domain,
    DurationOrOff,
    Engine,
    FileName,
    HeaderName,
    HeaderValue,
    HealthPath,
    Host,
    Link,
    Migrate,
    Name,
    Network,
    Origin,
    Path,
    Proof,
    Route,
    SameSite,
    ServiceName,
    Size,
)
from toolkit.values import Address, Duration

API_ROUTES = ("/api/deployment/",)  # of the session API, where bgctl.toml names none


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of bgctl.toml: what is written in it and is no field is an error."""


class ProjectTable(Table, frozen=True):
    """The compose project. `compose_file`: a name, several, or "": what plain compose would use."""

    name: Name
    compose_file: str | tuple[str, ...] = ""
    env_file: FileName = FileName(".env")
    engine: Engine = Engine("auto")

    @property
    def compose_files(self) -> tuple[str, ...]:
        """Those that are written down; none: plain compose's choice."""
        named = self.compose_file
        return ((named,) if named else ()) if isinstance(named, str) else named


HEADERS = {
    HeaderName("X-Content-Type-Options"): HeaderValue("nosniff"),
    HeaderName("X-Frame-Options"): HeaderValue("SAMEORIGIN"),
    HeaderName("Referrer-Policy"): HeaderValue("strict-origin-when-cross-origin"),
}


class Proxy(Table, frozen=True):
    """The proxy's listeners, time-outs and limits. `service` is its compose service.

    `listen` is plain HTTP: beside [tls], it redirects. `trusted` are the networks whose X-Forwarded-For is
    believed. `pin_idle` is as it is written; what holds is Config.pin_idle.
    """

    service: ServiceName = ServiceName("proxy")
    listen: Address = Address("127.0.0.1:8080")
    control: Address = Address("127.0.0.1:9180")
    workers: Annotated[int, Meta(ge=1, le=64)] = 2
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
    access_log: bool = False
    trusted: tuple[Network, ...] = ()
    unavailable_page: Path = Path("")


class Tls(Table, frozen=True):
    """TLS is on where `certificate` is given. `port` is the one that browsers see; 0: that of `listen`."""

    certificate: Path = Path("")
    key: Path = Path("")
    listen: Address = Address("0.0.0.0:443")
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


class Tokens(Table, frozen=True):
    """What tokens of sessions have to be like.

    `longest` is the life of bgctl's own tokens, and the longest that any other token may have.
    `version_claim` is where the app's own tokens have the version: a claim of just that name, else the dots
    in it lead from an object into its members.
    """

    issuer: Annotated[str, Meta(min_length=1, max_length=200)] = "bgctl"
    leeway: Duration = Duration(60)
    longest: Annotated[Duration, Between("5m", "400d", "7d")] = Duration(7 * 86400)
    version_claim: ClaimName = ClaimName("deploymentVersion")


class Sessions(Table, frozen=True):
    """Where the session API is, and what counts as a session.

    `key_headers` are the headers by which API clients without cookies are told apart.
    """

    address: Address = Address("127.0.0.1:8090")
    idle_timeout: DurationOrOff = DurationOrOff(30 * 60)
    key_headers: tuple[HeaderName, ...] = (HeaderName("authorization"),)


class Pin(Table, frozen=True):
    """The proxy's own cookies. How long a pin lasts is [proxy] pin_idle."""

    domain: Domain = Domain("")
    same_site: SameSite = SameSite("lax")


class Service(Table, frozen=True):
    """A service of the app: slotted (`blue` and `green`), shared by both versions (`address`), or a worker.

    `timeout` and `connections` are for a shared service; a slotted one has [proxy] read_timeout. `version` is
    for a slotted one; `health_host` is the Host of its checks. The session API (the shared service at
    [sessions] address) need not have `routes`. A worker has neither routes nor addresses: it is started and
    stopped with its slot. Each slot has `replicas` containers of a slotted service or a worker: `blue` and
    `green` are the addresses of the first, and the others have the ports after it.

    `port` is where a slotted service listens in its container. bgctl publishes it at `blue` and `green` where
    the compose file has one service and no pair (toolkit/engine/derivation.py). 0: there is a pair.
    """

    routes: tuple[Route, ...]
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

    @property
    def slotted(self) -> bool:
        return self.address is None

    @property
    def worker(self) -> bool:
        return not self.routes and (self.address, self.blue, self.green) == (None, None, None)

    def at(self, place: str, number: int = 1) -> Address:
        """Where it is reached: at its `address`, or in blue or green, the replica of this number there."""
        found: Address | None = getattr(self, place)
        assert found is not None, f"{place} was validated"
        return found.after(number - 1) if number > 1 else found


class Health(Table, frozen=True):
    """`passes`, `interval` and `timeout` prove a start; `check`, `check_timeout` and `fails` are the proxy's.

    `interval` and `check` are the times between two checks of bgctl and of the proxy.
    """

    passes: Annotated[int, Meta(ge=1, le=100)] = 3
    interval: Duration = Duration(0.5)
    timeout: Duration = Duration(60)
    one_shot_timeout: Duration = Duration(10 * 60)
    check: Duration = Duration(2)
    check_timeout: Duration = Duration(2)
    fails: Annotated[int, Meta(ge=1, le=100)] = 3


class Drain(Table, frozen=True):
    """How the old version is drained: without a limit where `deadline` and `idle_timeout` are off."""

    request_deadline: Duration = Duration(30)
    websocket_deadline: Duration = Duration(3600)
    stop_grace: Duration = Duration(10)
    deadline: DurationOrOff = DurationOrOff(0)
    idle_timeout: DurationOrOff = DurationOrOff(0)
    visitors: bool = True
    migrate: Migrate = Migrate("never")
    migrate_idle: Duration = Duration(10 * 60)


class Maintenance(Table, frozen=True):
    """`allow` are the networks of clients who are served all the same."""

    page: Path = Path("")
    allow: tuple[Network, ...] = ()


class Preview(Table, frozen=True):
    """`life` is that of a link. `check` is a command that a candidate has to pass within `check_timeout`."""

    url: Origin = Origin("")
    life: Duration = Duration(3600)
    check: str = ""
    check_timeout: Duration = Duration(5 * 60)


class Canary(Table, frozen=True):
    """How the steps of a canary release are judged.

    `steps` are green's shares of new sessions, in per cent; `confidence`, `margin` and `max_error_rate` are
    shares of 1. `together`: so many requests may stand or fall as one, such as those of a user who tries
    again and again.
    """

    steps: tuple[Annotated[int, Meta(ge=1, le=100)], ...] = ()
    pause: Duration = Duration(60)
    patience: Duration = Duration(15 * 60)
    requests: Annotated[int, Meta(ge=1)] = 300
    confidence: Annotated[float, Meta(gt=0.5, lt=1)] = 0.999
    margin: Annotated[float, Meta(ge=0, lt=1)] = 0.005
    together: Annotated[int, Meta(ge=1, le=100)] = 2
    max_error_rate: Annotated[float, Meta(gt=0, le=1)] = 0.1
    max_p99: DurationOrOff = DurationOrOff(0)
    prometheus: Link = Link("")
    query: str = ""
    command: str = ""
