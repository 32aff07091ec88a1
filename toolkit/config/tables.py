"""The tables of bgctl.toml: every setting with its kind, its limits and its default.

Here are those of a release. edge_tables.py has what faces browsers, and service_table.py [services]. These
are the places where a setting is added; tests/unit/toolkit/config/test_settings.py names what else has to
know of it. What several settings must have in common is in the modules whose names end in rules.py.
"""

from typing import Annotated

from msgspec import Meta

from toolkit.config.kinds import (
    Between,
    ClaimName,
    CookieName,
    DurationOrOff,
    Engine,
    FileName,
    HeaderName,
    Link,
    Migrate,
    Name,
    Network,
    NodeLabel,
    Origin,
    Path,
)
from toolkit.config.table import Table
from toolkit.values import Address, Duration


class ProjectTable(Table, frozen=True):
    """The compose project. `compose_file`: a name, several, or "": what plain compose would use.

    `kept_logs`: of so many versions the last log lines are kept when their containers go. `node_label`: on a
    swarm, the nodes that have this label are the project's.
    """

    name: Name
    compose_file: str | tuple[str, ...] = ""
    env_file: FileName = FileName(".env")
    engine: Engine = Engine("auto")
    node_label: NodeLabel = NodeLabel("")
    kept_logs: Annotated[int, Meta(ge=0, le=1000)] = 10

    @property
    def compose_files(self) -> tuple[str, ...]:
        """Those that are written down; none: plain compose's choice."""
        named = self.compose_file
        return ((named,) if named else ()) if isinstance(named, str) else named


class Tokens(Table, frozen=True):
    """What tokens of sessions have to be like.

    `longest` is the life of bgctl's own tokens, and the longest that any other token may have.
    `version_claim` is where the app's own tokens have the version: a claim of just that name, else the dots
    in it lead from an object into its members. `cookies` and `headers` are where they may be as well.
    """

    issuer: Annotated[str, Meta(min_length=1, max_length=200)] = "bgctl"
    leeway: Duration = Duration(60)
    longest: Annotated[Duration, Between("5m", "400d", "7d")] = Duration(7 * 86400)
    version_claim: ClaimName = ClaimName("deploymentVersion")
    cookies: Annotated[tuple[CookieName, ...], Meta(max_length=4)] = ()
    headers: Annotated[tuple[HeaderName, ...], Meta(max_length=4)] = ()

    @property
    def environment(self) -> dict[str, str]:
        """What the session API is told of it."""
        return {
            "BGCTL_ISSUER": self.issuer,
            "BGCTL_LEEWAY": f"{int(self.leeway)}",
            "BGCTL_TOKEN_TTL": f"{int(self.longest)}",
            "BGCTL_VERSION_CLAIM": str(self.version_claim),
            "BGCTL_TOKEN_COOKIES": " ".join(self.cookies),
            "BGCTL_TOKEN_HEADERS": " ".join(self.headers),
        }


class Sessions(Table, frozen=True):
    """Where the session API is, and what counts as a session.

    `cookie` is the app's own session cookie, or several: what a browser shows of a session that has no token.
    `key_headers` are the headers by which API clients without cookies are told apart.
    """

    address: Address = Address("127.0.0.1:8090")
    idle_timeout: DurationOrOff = DurationOrOff(30 * 60)
    cookie: str | tuple[str, ...] = ""
    key_headers: tuple[HeaderName, ...] = (HeaderName("authorization"),)

    @property
    def cookies(self) -> tuple[str, ...]:
        """The names in `cookie`; none: the app has tokens, or nobody logs in."""
        named = self.cookie
        return ((named,) if named else ()) if isinstance(named, str) else named


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
