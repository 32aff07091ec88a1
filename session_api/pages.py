"""Cursors of a listing: where a page ended, as text that only this module reads."""

import base64
import binascii
from typing import NamedTuple, Self

import msgspec

from session_api.messages import Count, UserName
from session_api.names import VersionName
from session_api.stores import Place, UserSeen


class Page(NamedTuple):
    """The page after `place` of a version's users."""

    version: str
    place: Place

    @classmethod
    def after(cls, version: str, user: UserSeen) -> Self:
        """The page that goes on after this user."""
        return cls(version, Place(user.last_activity, user.user_id))

    @classmethod
    def decode(cls, cursor: str) -> Self:
        """Raises ValueError if it is not one of ours."""
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            version, at, user_id = msgspec.json.decode(text, type=tuple[VersionName, Count, UserName])
        except (binascii.Error, msgspec.MsgspecError, UnicodeError) as error:
            raise ValueError("not a cursor") from error
        return cls(version, Place(at, user_id))

    def encode(self) -> str:
        """The cursor."""
        return (
            base64.urlsafe_b64encode(msgspec.json.encode([self.version, *self.place])).rstrip(b"=").decode()
        )
