"""The names under which users and sessions are counted.

The proxy names them by the same rules (lua/bg/lib/names.lua): otherwise a session that was signed here and is
seen there would be two sessions.
"""

import base64
import re
from hashlib import sha256

from session_api.messages import MAX_USER_NAME

RANDOM = re.compile(r"[A-Za-z0-9_-]{22}")  # 128 bits
RANDOM_BYTES = 16
HELD = "t."  # a proxy that has started anew may ask for those that begin so
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def user(user_id: str) -> str:
    """The user's id itself; a hash of it where it is too long or has control characters."""
    encoded = user_id.encode()
    if len(encoded) > MAX_USER_NAME or CONTROL.search(user_id):
        return "sha256-" + _text(sha256(encoded).digest())
    return user_id


def session(sid: str, user_name: str, *, foreign: bool = False) -> str:
    """The id itself if it has 128 random bits, as ours have; any other id is unique only with its user.

    A `foreign` id, which the app chose, is hashed with its user always: otherwise a token of the app could
    name a session of ours.
    """
    if not foreign and RANDOM.fullmatch(sid):
        return sid
    return _text(sha256(f"{sid}\0{user_name}".encode()).digest()[:RANDOM_BYTES])


def by_token(name: str, shared_on: str | None = None) -> str:
    """What the session of that name is called where its token says no version, so that the proxy holds it.

    Where all tokens of a user are one session, it is a session of each version that somebody is on.
    """
    return f"{HELD}{name}" + ("" if shared_on is None else f"~{shared_on}")


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
