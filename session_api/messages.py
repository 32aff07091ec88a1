"""What goes over the wire, as JSON. A request refuses unknown fields: a misspelt `email` must not vanish."""

from datetime import datetime
from typing import Annotated

import msgspec

UserId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Email = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]


class TokenRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Who has logged in."""

    user_id: UserId
    email: Email | None = None

    def __post_init__(self) -> None:
        for name, text in (("userId", self.user_id), ("email", self.email or "")):
            if not text.isprintable():
                raise ValueError(f"`{name}` has a character that is not printable")


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
    """A user who still has a session on another version than the current one."""

    email: str | None
    last_activity: datetime


class VersionActivity(msgspec.Struct, frozen=True, rename="camel"):
    """One version's active sessions; null is unknown (`anonymous`) or never (`lastActivity`)."""

    sessions: int
    users: int
    anonymous: int | None
    last_activity: datetime | None


class ActiveSessions(msgspec.Struct, frozen=True, rename="camel"):
    """Who is active where; `users` lists at most the 1,000 who were active last."""

    total_active_users: int
    old_version_sessions: int
    current_version: str
    users: list[UserActivity]
    versions: dict[str, VersionActivity]


class Heartbeat(msgspec.Struct, frozen=True, rename="camel"):
    """The version of the token and the version that a new session gets."""

    your_version: str
    current_version: str
    update_available: bool


class CurrentVersion(msgspec.Struct, frozen=True, rename="camel"):
    """The version that a new session gets."""

    current_version: str


class Status(msgspec.Struct, frozen=True):
    """All is well."""

    status: str = "ok"


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
