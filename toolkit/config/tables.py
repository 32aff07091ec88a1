"""The tables of bgctl.toml: every setting, its kind and its default."""

import ipaddress
import re
from typing import Annotated, Self

from msgspec import Meta, Struct, field

from toolkit.config.engines import NAMES
from toolkit.values import SLOTS, Address, Duration, Text


class Name(Text):
    kind = "a name: small letters, digits, - and _, a letter or digit first"
    like, pattern = "shop", re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class FileName(Text):
    """Without a folder: paths in a compose file count from where it is."""

    kind, like, pattern = "the name of a file in this folder", "compose.yaml", re.compile(r"[^/]+")


class FilePath(Text):
    """Compose reckons paths in a further compose file from the folder of the first."""

    kind, like, pattern = "the path of a file", "compose.prod.yaml", re.compile(r"[^\0\n]+")


class Engine(Text):
    kind, like = f"an engine (auto, {', '.join(NAMES)})", "auto"
    pattern = re.compile("|".join(("auto", *NAMES)))


class Route(Text):
    kind = 'a route: it must begin with "/", or with "= /" or "^~ /", and has no blanks or wildcards'
    like, pattern = "/api/", re.compile(r"(= |\^~ )?/[A-Za-z0-9._~+/-]{0,200}")


class HealthPath(Text):
    """A path, or "container": what the engine says of it, which is all that a worker can have; else empty."""

    kind, like = 'a path: it must begin with "/", or be "container"', "/healthz"
    pattern = re.compile(r"/[!-~]*|container")

    @property
    def by_engine(self) -> bool:
        return self in ("container", "")


API_ROUTES = ("/api/deployment/",)  # of the session API, where bgctl.toml names none


class Host(Text):
    """A Host header as browsers send it; empty: what bgctl knows of the host itself."""

    kind, like = "a host, with its port where browsers send one", "shop.example"
    pattern = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}(:[0-9]{1,5})?|\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?|")


class Proof(Text):
    """Where it is seen which version a slot runs: `header:` is followed by the header's name."""

    kind, like = 'how a version is proven ("image", "json", "header:X-App-Version")', "image"
    pattern = re.compile(r"image|json|header:[A-Za-z][A-Za-z0-9-]{0,60}")


PIN_IDLE = 30 * 60  # seconds, where nothing else says how long


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of bgctl.toml."""


class ProjectTable(Table, frozen=True):
    """`compose_file` is one name, a list of them, or "": what plain compose would use."""

    name: Name
    compose_file: str | tuple[str, ...] = ""
    env_file: FileName = FileName(".env")
    engine: Engine = Engine("auto")

    @property
    def compose_files(self) -> tuple[str, ...]:
        """Those that are written down; none: plain compose's choice."""
        named = self.compose_file
        return ((named,) if named else ()) if isinstance(named, str) else named


class Path(Text):
    """Below the project's folder, without a step up."""

    kind, like = "a path below this folder", "certs/fullchain.pem"
    pattern = re.compile(r"(?!/)(?!(.*/)?\.\.?(/|$))[A-Za-z0-9._/-]+|")


class Size(Text):
    kind, like, pattern = "a size", "100m", re.compile(r"[1-9][0-9]{0,8}[kmg]")

    @property
    def bytes(self) -> int:
        return int(self[:-1]) << {"k": 10, "m": 20, "g": 30}[self[-1]]


class Network(Text):
    """An address, or a network in CIDR form."""

    kind, like, pattern = "an address or a network", "10.0.0.0/8", re.compile(r"[0-9a-fA-F:.]+(/[0-9]{1,3})?")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with what to write."""
        try:
            return cls(ipaddress.ip_network(super().parse(text)))
        except ValueError:
            raise ValueError(f'{text!r} is not {cls.kind}; write one like "{cls.like}"') from None


class HeaderName(Text):
    kind, like, pattern = "the name of a header", "X-Frame-Options", re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")


class HeaderValue(Text):
    """What nginx takes between double quotes as it stands; empty: the header is not sent."""

    kind, like = 'the value of a header, without ", $ or \\, and of 4000 characters at most', "SAMEORIGIN"
    pattern = re.compile(r"[ !#%-\[\]-~]{0,4000}")


HEADERS = {
    HeaderName("X-Content-Type-Options"): HeaderValue("nosniff"),
    HeaderName("X-Frame-Options"): HeaderValue("SAMEORIGIN"),
    HeaderName("Referrer-Policy"): HeaderValue("strict-origin-when-cross-origin"),
}


class Link(Text):
    kind, like = "the address of a server", "http://127.0.0.1:9090"
    pattern = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?|")


class CookieStem(Text):
    """What the names of cookies begin with, after `__Host-`."""

    kind = "the beginning of the names of cookies: letters, digits, - and _, a letter first, at most 24"
    like, pattern = "shop", re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,23}")


class Proxy(Table, frozen=True):
    """`listen` is plain HTTP: beside [tls], it redirects. `trusted`: whose X-Forwarded-For is believed.

    `pin_idle` as it is written; what holds is Config.pin_idle.
    """

    listen: Address = Address("127.0.0.1:8080")
    control: Address = Address("127.0.0.1:9180")
    workers: Annotated[int, Meta(ge=1, le=64)] = 2
    secure_cookies: bool = True
    cookie_stem: CookieStem = CookieStem("bg")
    pin_idle: Duration = Duration(0)
    read_timeout: Duration = Duration(60)
    connect_timeout: Duration = Duration(2)
    upstream_keepalive: Duration = Duration(4)
    client_timeout: Duration = Duration(30)
    max_body: Size = Size("100m")
    min_rate: Size = Size("32k")
    header_size: Size = Size("32k")
    compress: bool = True
    access_log: bool = False
    trusted: tuple[Network, ...] = ()
    unavailable_page: Path = Path("")


class Tls(Table, frozen=True):
    """On where `certificate` is given. `port`: the one that browsers see, where another than `listen`'s."""

    certificate: Path = Path("")
    key: Path = Path("")
    listen: Address = Address("0.0.0.0:443")
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    http3: bool = False
    redirect: bool = True
    hsts: Duration = Duration(365 * 86400)
    acme_webroot: Path = Path("")

    @property
    def on(self) -> bool:
        return self.certificate != ""

    @property
    def public_port(self) -> int:
        return self.port or self.listen.port


class ClaimName(Text):
    kind, like, pattern = "the name of a claim", "deploymentVersion", re.compile(r"[!-~]{1,128}")


class Tokens(Table, frozen=True):
    """`longest` is the life of our own tokens, and the longest of anybody's.

    `version_claim` is where the app's own have the version: a claim of just that name, else dots lead
    into it.
    """

    issuer: Annotated[str, Meta(min_length=1, max_length=200)] = "bgctl"
    leeway: Duration = Duration(60)
    longest: Duration = Duration(7 * 86400)
    version_claim: ClaimName = ClaimName("deploymentVersion")


class Sessions(Table, frozen=True):
    address: Address = Address("127.0.0.1:8090")
    idle_timeout: Duration = Duration(30 * 60)
    key_headers: tuple[HeaderName, ...] = (HeaderName("authorization"),)


class Domain(Text):
    """A name that hosts of one site share, as a registry gives it; empty: each host has its own cookies."""

    kind, like = "a domain in small letters, without a leading dot", "shop.example"
    pattern = re.compile(
        r"(?=.{3,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])|"
    )


class SameSite(Text):
    kind, like, pattern = "a SameSite of cookies (lax, none)", "lax", re.compile(r"lax|none")


class Pin(Table, frozen=True):
    """The proxy's own cookies. How long a pin lasts is [proxy] pin_idle."""

    domain: Domain = Domain("")
    same_site: SameSite = SameSite("lax")


class Service(Table, frozen=True):
    """`blue` and `green` for a service with two slots, `address` for one that both versions share.

    `timeout` and `connections` are of a shared one; a slotted one has [proxy] read_timeout. `version` is of a
    slotted one, `health_host` the Host of its checks. The session API (the shared service at [sessions]
    address) may go without `routes`. A worker has neither routes nor addresses: it follows the slot.
    """

    routes: tuple[Route, ...]
    health: HealthPath = HealthPath("")
    health_host: Host = Host("")
    version: Proof = Proof("image")
    blue: Address | None = None
    green: Address | None = None
    address: Address | None = None
    mirror: Annotated[int, Meta(ge=0, le=100)] = 0
    timeout: Duration = Duration(10)
    connections: Annotated[int, Meta(ge=1, le=2000)] = 250

    @property
    def slotted(self) -> bool:
        return self.address is None

    @property
    def worker(self) -> bool:
        return not self.routes and (self.address, self.blue, self.green) == (None, None, None)

    def at(self, slot: str) -> Address:
        found: Address | None = getattr(self, slot)
        assert found is not None, f"{slot} was validated"
        return found


class Health(Table, frozen=True):
    passes: Annotated[int, Meta(ge=1, le=100)] = 3
    interval: Duration = Duration(0.5)
    timeout: Duration = Duration(60)
    one_shot_timeout: Duration = Duration(10 * 60)
    check: Duration = Duration(2)
    check_timeout: Duration = Duration(2)
    fails: Annotated[int, Meta(ge=1, le=100)] = 3


class Migrate(Text):
    kind, like = "when sessions may move (never, idle, navigation)", "never"
    pattern = re.compile(r"never|idle|navigation")


class Drain(Table, frozen=True):
    """`deadline` and `idle_timeout` may be off: then a drain takes as long as it takes."""

    request_deadline: Duration = Duration(30)
    websocket_deadline: Duration = Duration(3600)
    stop_grace: Duration = Duration(10)
    deadline: Duration = Duration(0)
    idle_timeout: Duration = Duration(0)
    visitors: bool = True
    migrate: Migrate = Migrate("never")
    migrate_idle: Duration = Duration(10 * 60)


class Maintenance(Table, frozen=True):
    """`allow` are clients who are served all the same."""

    page: Path = Path("")
    allow: tuple[Network, ...] = ()


class Origin(Text):
    """Where browsers come, without a path; empty: as [proxy] and [tls] listen."""

    kind, like = "an address such as a browser shows, without a path", "https://shop.example"
    pattern = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?|")


class Preview(Table, frozen=True):
    """`check` is a command that a candidate has to pass, within `check_timeout`."""

    url: Origin = Origin("")
    life: Duration = Duration(3600)
    check: str = ""
    check_timeout: Duration = Duration(5 * 60)


class Canary(Table, frozen=True):
    """How the steps of a canary release are judged. Shares are of 1, `confidence` too.

    `together`: so many requests may stand or fall as one, such as those of a user who tries again and again.
    """

    steps: tuple[Annotated[int, Meta(ge=1, le=100)], ...] = ()
    pause: Duration = Duration(60)
    patience: Duration = Duration(15 * 60)
    requests: Annotated[int, Meta(ge=1)] = 300
    confidence: Annotated[float, Meta(gt=0.5, lt=1)] = 0.999
    margin: Annotated[float, Meta(ge=0, lt=1)] = 0.005
    together: Annotated[int, Meta(ge=1, le=100)] = 2
    max_error_rate: Annotated[float, Meta(gt=0, le=1)] = 0.1
    max_p99: Duration = Duration(0)
    prometheus: Link = Link("")
    query: str = ""
    command: str = ""


class Config(Table, frozen=True):
    project: ProjectTable
    proxy: Proxy = Proxy()
    tls: Tls = Tls()
    headers: dict[HeaderName, HeaderValue] = field(default_factory=lambda: dict(HEADERS))
    tokens: Tokens = Tokens()
    sessions: Sessions = Sessions()
    pin: Pin = Pin()
    services: dict[str, Service] = {}
    health: Health = Health()
    drain: Drain = Drain()
    maintenance: Maintenance = Maintenance()
    preview: Preview = Preview()
    canary: Canary = Canary()

    @property
    def listeners(self) -> dict[str, Address]:
        """Where the proxy listens, by setting."""
        found = {"proxy.listen": self.proxy.listen, "proxy.control": self.proxy.control}
        return found | ({"tls.listen": self.tls.listen} if self.tls.on else {})

    @property
    def pin_idle(self) -> Duration:
        """How long a pin lasts without a request: who is counted is held, so not less than idle_timeout.

        Without an idle_timeout, visitors count for as long as their pin lasts.
        """
        idle = self.sessions.idle_timeout
        return Duration(max(self.proxy.pin_idle or idle or PIN_IDLE, idle))

    def is_session_api(self, service: Service) -> bool:
        return service.address == self.sessions.address

    @property
    def scheme(self) -> str:
        """How browsers come, as far as it is written; without [tls], HTTPS ends in front of the proxy."""
        return "https" if self.proxy.secure_cookies else "http"

    @property
    def compose_services(self) -> list[str]:
        """Every service that the compose file must have by this configuration."""
        slots = [f"{name}-{slot}" for name in self.slotted for slot in SLOTS]
        return ["proxy", *self.shared, *slots]

    @property
    def slotted(self) -> dict[str, Service]:
        return {name: service for name, service in self.services.items() if service.slotted}

    @property
    def reached(self) -> dict[str, Service]:
        """Those of `slotted` that have an address in each slot; the others are workers."""
        return {name: service for name, service in self.slotted.items() if not service.worker}

    @property
    def workers(self) -> dict[str, Service]:
        return {name: service for name, service in self.slotted.items() if service.worker}

    @property
    def shared(self) -> dict[str, Service]:
        return {name: service for name, service in self.services.items() if not service.slotted}
