"""What `bgctl init` has found out and been told about a project: all that its bgctl.toml is written from."""

from collections.abc import Mapping

from msgspec import Struct

from toolkit.config.kinds import HealthPath, Host, Route
from toolkit.init.guesses import Guess
from toolkit.values import Address


class Given(Struct, frozen=True):
    """What the operator has said by options; what is empty is guessed or asked.

    `domain` None: it has not been said; "": there is none yet. `also` has the routes of further services.
    """

    service: str = ""
    port: int = 0
    health: HealthPath = HealthPath("")
    domain: Host | None = None
    listen: Address | None = None
    version: str = ""
    also: Mapping[str, tuple[Route, ...]] = {}
    compose_files: tuple[str, ...] = ()
    engine: str = ""


class Slotted(Struct, frozen=True):
    """A service that becomes a pair. A worker has no port, no routes and no addresses.

    `source` says in a few words why it is here.
    """

    name: str
    source: str
    routes: tuple[str, ...] = ()
    port: Guess[int] | None = None
    health: Guess[str] | None = None
    addresses: tuple[Address, Address] | None = None
    replicas: int = 1

    @property
    def worker(self) -> bool:
        return self.port is None


class Plan(Struct, frozen=True):
    """All of bgctl.toml. `services` begin with the one that people use.

    `https`: browsers come by HTTPS. `cookies` are those of the app's sessions. `proxy` and `session_api` are
    what bgctl's own services are called. Where a value is empty, bgctl.toml does not have it.
    """

    name: Guess[str]
    services: list[Slotted]
    listen: Guess[Address]
    control: Address
    sessions: Address
    version: Guess[str]
    domain: str = ""
    health_host: Guess[str] | None = None
    https: bool = False
    proxy: str = "proxy"
    session_api: str = "session-api"
    compose_files: Guess[tuple[str, ...]] | None = None
    engine: str = ""
    cookie_stem: Guess[str] | None = None
    cookies: Guess[tuple[str, ...]] | None = None

    @property
    def web(self) -> Slotted:
        return self.services[0]
