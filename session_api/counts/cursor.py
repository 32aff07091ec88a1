"""Where a page of users ended, as a text that clients send back and only this module reads."""

import base64
import binascii
from typing import NamedTuple, Self

import msgspec

from session_api.messages import Count, UserName
from session_api.stores.records import Position, UserSeen
from session_api.version_name import VersionName


class Cursor(NamedTuple):
    """The next page of a version's users begins after `position`."""

    version: str
    position: Position

    @classmethod
    def after(cls, version: str, user: UserSeen) -> Self:
        """The cursor for the page that begins after this user."""
        return cls(version, Position(user.last_activity, user.user_id))

    @classmethod
    def decode(cls, cursor: str) -> Self:
        """Read a cursor. Raises ValueError if it is not one of ours."""
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            version, at, user_id = msgspec.json.decode(text, type=tuple[VersionName, Count, UserName])
        except (binascii.Error, msgspec.MsgspecError, UnicodeError) as error:
            raise ValueError("not a cursor") from error
        return cls(version, Position(at, user_id))

    def encode(self) -> str:
        """The cursor as a text."""
        return (
            base64.urlsafe_b64encode(msgspec.json.encode([self.version, *self.position]))
            .rstrip(b"=")
            .decode()
        )
