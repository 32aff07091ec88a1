"""What goes over the wire, as JSON. A request refuses unknown fields: a misspelt `email` must not vanish."""

from datetime import datetime
from typing import Annotated

import msgspec

from session_api.names import VersionName

UserId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Email = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
Sid = Annotated[str, msgspec.Meta(pattern=r"\A[ -~]{1,128}\Z")]
Moment = Annotated[float, msgspec.Meta(ge=0, lt=2**53)]  # Unix seconds
Row = tuple[Sid, UserId | None, VersionName, Moment, Moment]
Gone = tuple[Sid, Moment]
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class TokenRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Who has logged in."""

    user_id: UserId
    email: Email | None = None

    def __post_init__(self) -> None:
        for name, text in (("userId", self.user_id), ("email", self.email or "")):
            if not text.isprintable():
                raise ValueError(f"`{name}` has a character that is not printable")


class Gauge(msgspec.Struct, frozen=True):
    """What a proxy has open on a version; requests and errors are since it started."""

    open: Count = 0
    websockets: Count = 0
    requests: Count = 0
    errors: Count = 0


class Activity(msgspec.Struct, frozen=True):
    """What a proxy saw, by its own clock. A row: sid, user (null: a visitor), version, last seen, expiry.

    `complete`: of sessions it has nothing left to tell; `visitors_complete`: nor of visitors (null, an older
    proxy: the same). `gone`: visitors who have logged in, and when; an older proxy does not say when.
    """

    proxy: Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{1,128}\Z")]
    now: Moment
    since: Moment
    epoch: Annotated[str, msgspec.Meta(max_length=128)] | None
    complete: bool
    sessions: Annotated[list[Row], msgspec.Meta(max_length=1000)]
    gone: list[Sid | Gone] = []
    gauges: dict[VersionName, Gauge] = {}
    visitors_complete: bool | None = None


class Epoch(msgspec.Struct, frozen=True):
    """The store's name since it was made: another one than before has forgotten what it was told."""

    epoch: str


class Token(msgspec.Struct, frozen=True, rename="camel"):
    """A signed token."""

    token: str
    sid: str
    user_id: str
    deployment_version: str
    expires_at: datetime


class SessionInfo(msgspec.Struct, frozen=True, rename="camel"):
    """The session of the token that was sent."""

    user_id: str
    email: str | None
    sid: str
    deployment_version: str
    issued_at: datetime
    expires_at: datetime
    last_activity: datetime


class UserActivity(msgspec.Struct, frozen=True, rename="camel"):
    """A user of an old version, and the latest activity there."""

    user_id: str
    email: str | None
    last_activity: datetime


class VersionActivity(msgspec.Struct, frozen=True, rename="camel"):
    """What is active on one version; null is unknown, or never (`lastActivity`)."""

    sessions: int | None
    users: int | None
    anonymous: int | None
    websockets: int | None
    last_activity: datetime | None


class Forecast(msgspec.Struct, frozen=True):
    """When the version that drains is empty: if nobody comes back, at the pace so far, at the very last."""

    earliest: datetime | None = None
    likely: datetime | None = None
    latest: datetime | None = None


class ActiveSessions(msgspec.Struct, frozen=True, rename="camel"):
    """Who is active where. `users` is a page of one version's.

    `unknown` says why counts are null, and `unknown_visitors` why those of visitors alone are.
    """

    total_active_users: int | None
    old_version_sessions: int | None
    current_version: str
    users: list[UserActivity]
    next_page: str | None
    unknown: str | None
    unknown_visitors: str | None
    versions: dict[str, VersionActivity]
    forecast: Forecast | None


class Heartbeat(msgspec.Struct, frozen=True, rename="camel"):
    """The version of the token and the version that a new session gets."""

    your_version: str
    current_version: str
    update_available: bool


class CurrentVersion(msgspec.Struct, frozen=True, rename="camel"):
    """The version that a new session gets; and, to a page behind the proxy, whether it is on another one."""

    current_version: str
    update_available: bool | msgspec.UnsetType = msgspec.UNSET


class Status(msgspec.Struct, frozen=True):
    """All is well."""

    status: str = "ok"


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
