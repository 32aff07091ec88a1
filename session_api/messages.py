"""The JSON messages. Those of clients refuse unknown fields: a misspelt `email` must not vanish."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from session_api.version_name import VersionName

# No control characters, no characters that are invisible or reverse text, no halves of surrogate pairs.
PRINTABLE = (
    r"\A[^\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff9-\uffff]*\Z"
)
MAX_EMAIL = 254
MAX_USER_NAME = 512  # bytes: four for each of the 128 characters that a log-in may give
UserId = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=PRINTABLE)]
Email = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_EMAIL, pattern=PRINTABLE)]
UserName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_USER_NAME)]
Sid = Annotated[str, msgspec.Meta(pattern=r"\A[ -~]{1,128}\Z")]
Moment = Annotated[float, msgspec.Meta(ge=0, lt=2**53)]  # Unix seconds
Gone = tuple[Sid, Moment]
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class TokenRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Who has logged in."""

    user_id: UserId
    email: Email | None = None


class Gauge(msgspec.Struct, frozen=True):
    """What a proxy has open on a version; requests and errors are since it started."""

    open: Count = 0
    websockets: Count = 0
    requests: Count = 0
    errors: Count = 0


class Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A session, or a visitor (`user` is null), and when it was `seen` last.

    `kind` says what it is without a user: a visitor, an API client, or a session that only the app's cookie
    names. `iat` is that of its newest token: 0 if that token has none, null if the proxy does not say.
    """

    sid: Sid
    user: UserName | None
    version: VersionName
    seen: Moment
    exp: Moment
    iat: Moment | None = None
    kind: Literal["visitor", "client", "session"] = "visitor"


class Activity(msgspec.Struct, frozen=True):
    """What a proxy saw, by its own clock. `instance` names it since its start.

    `complete`: it has no session left to report; `visitors_complete`: nor a visitor (null, from an older
    proxy: as `complete`). `gone`: visitors who have logged in, and sessions without a user that
    have ended, and when; an older proxy does not say when.
    """

    proxy: Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{1,128}\Z")]
    now: Moment
    since: Moment
    epoch: Annotated[str, msgspec.Meta(max_length=128)] | None
    complete: bool
    sessions: Annotated[list[Row], msgspec.Meta(max_length=1000)]
    gone: list[Sid | Gone] = []
    gauges: dict[VersionName, Gauge] = {}
    instance: Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{0,64}\Z")] = ""
    visitors_complete: bool | None = None


class Epoch(msgspec.Struct, frozen=True):
    """The name that the store got when it was made: a store with another name has forgotten all reports."""

    epoch: str


class KnownClients(msgspec.Struct, frozen=True):
    """A page of clients for a proxy that has started anew: `[sid, version, age]`, the age in seconds.

    `next` is what the next page is asked for with; null: there is none.
    """

    clients: tuple[tuple[str, str, int], ...]
    next: str | None


class Token(msgspec.Struct, frozen=True, rename="camel"):
    """A signed token. `note` explains a version that is not the one asked for."""

    token: str
    sid: str
    user_id: str
    deployment_version: str
    expires_at: datetime
    note: str | msgspec.UnsetType = msgspec.UNSET


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
    """What is active on one version; null is unknown, or of `lastActivity`: never."""

    sessions: int | None
    users: int | None
    anonymous: int | None
    websockets: int | None
    last_activity: datetime | None


class Forecast(msgspec.Struct, frozen=True):
    """When the version that drains will be empty, by the three functions of counts.forecast."""

    earliest: datetime | None = None
    likely: datetime | None = None
    latest: datetime | None = None


class ActiveSessions(msgspec.Struct, frozen=True, rename="camel"):
    """Who is active on which version. `users` is one page of the users of one version.

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
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
