"""What goes into a store and comes out of it: sessions, reports of proxies, and counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class Session:
    """One log-in, by the names under which it is counted. Times are whole Unix seconds of the store.

    `expires_at` is that of its last token. Where a caller asks with a token, `created_at` says when it was
    issued (0: it does not say), `good_until` when it expires, and `issued_at` when the newest one was.
    """

    sid: str
    user_id: str
    email: str | None
    version: str
    created_at: int
    last_activity: int
    expires_at: int
    issued_at: int = 0
    good_until: int = 0


class Seen(NamedTuple):
    """A session, or with no user a visitor, as a proxy saw it `age` seconds ago.

    `kind` tells those without a user apart: "visitor", "client" (an API client, which counts as a visitor),
    or "session" (one that only a cookie of the app names). `issued_at` is that of its newest token: 0 if that
    token does not say, -1 if the proxy does not.
    """

    sid: str
    user_id: str | None
    version: str
    age: int
    expires_at: int
    issued_at: int = -1
    kind: str = "visitor"


class Client(NamedTuple):
    """A client or a session that needs no pin: which version served it `age` seconds ago."""

    sid: str
    version: str
    age: int


class Clients(NamedTuple):
    """A page of them in the order of their sids; the next one is `after` this sid, None: there is none."""

    rows: tuple[Client, ...]
    after: str | None


class Gone(NamedTuple):
    """A visitor who logged in, or such a session that ended, `age` seconds ago.

    One seen later under that name is another one.
    """

    sid: str
    age: int = 0


@dataclass(frozen=True)
class Gauge:
    """What a proxy has open on a version, and what it has served since it started."""

    open: int = 0
    websockets: int = 0
    requests: int = 0
    errors: int = 0


@dataclass(frozen=True)
class Report:
    """What a proxy reports at once. `reach`: how many seconds its memory goes back.

    `instance` names the proxy since its start. `complete`: it has no session left to report;
    `visitors_complete`: nor a visitor. `gauges` is None if they are as in the report before.
    """

    proxy: str
    reach: int = 0
    epoch: str | None = None
    complete: bool = True
    seen: tuple[Seen, ...] = ()
    gone: tuple[Gone, ...] = ()
    gauges: Mapping[str, Gauge] | None = None
    visitors_complete: bool = True
    instance: str = ""


@dataclass(frozen=True)
class Heard:
    """When a proxy reported last (`seen_at`), and since when it remembers.

    `told_at` and `visitors_told_at`: when it last had no session, or visitor, left to report. `doubled_at`:
    when it last turned out that two proxies report under this name. (One that starts anew takes the place of
    the one before; if that one reports again, there are two.)
    """

    proxy: str
    seen_at: int
    since: int
    told_at: int | None
    gauges: Mapping[str, Gauge] | None
    visitors_told_at: int | None
    doubled_at: int | None = None


@dataclass(frozen=True)
class Birth:
    """When the store was made, empty. `epoch` is its name since then: a new name means that it forgot all.

    `fresh`: it was made for a new project, so no session can be missing.
    """

    epoch: str
    born_at: int
    fresh: bool


@dataclass(frozen=True)
class VersionCount:
    """The active log-ins of one version, the users they belong to, and its active visitors."""

    sessions: int = 0
    users: int = 0
    visitors: int = 0
    last_activity: int = 0


@dataclass(frozen=True)
class Census:
    """Who is active at `now`: users are counted once, however many sessions they have."""

    now: int
    users: int
    versions: dict[str, VersionCount]
    birth: Birth
    heard: list[Heard] = field(default_factory=list)


class UserSeen(NamedTuple):
    """A user of a version, and the latest activity there."""

    user_id: str
    email: str | None
    last_activity: int


class Position(NamedTuple):
    """Where a page of users ended: at this user, who was active last at that time."""

    last_activity: int
    user_id: str


class Outlook(NamedTuple):
    """The latest expiry of those who are active on a version (None: no one is), and how many have left."""

    expires_at: int | None
    departures: int
