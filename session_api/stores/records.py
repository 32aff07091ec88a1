"""What goes into a store and comes out of it: sessions, reports of proxies, and counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class Session:
    """One log-in, by its names. Times are whole Unix seconds by the store's clock.

    `expires_at` is that of its last token. Of a caller's session, `created_at` and `good_until` say when the
    token at hand was issued (0: it does not say) and expires, and `issued_at` when the newest one was.
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

    `issued_at` is that of its newest token: 0 if that does not say, -1 if the proxy has not told.
    """

    sid: str
    user_id: str | None
    version: str
    age: int
    expires_at: int
    issued_at: int = -1


class Gone(NamedTuple):
    """A visitor who logged in `age` seconds ago. Whoever was seen under that name since is somebody else."""

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
    """A proxy's batch. `reach` is how many seconds its memory goes back; None for `gauges`: as before.

    `instance` names the proxy since its start. `complete`: of sessions it has nothing left to tell;
    `visitors_complete`: nor of visitors.
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
    """When a proxy reported last, how far its memory goes back, and when it had last told all of it.

    `told_at` is for sessions, `visitors_told_at` for visitors. `doubled_at`: when another one last reported
    under its name. One that starts anew takes the place of the one before; where that one comes back, there
    are two.
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
    """When the store was made, empty. `epoch` is its name since: another one means that it forgot."""

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
    """Where a page of users ended."""

    last_activity: int
    user_id: str


class Outlook(NamedTuple):
    """The latest expiry of whoever is active on a version (None: nobody), and how many have left it."""

    expires_at: int | None
    departures: int
