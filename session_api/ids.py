"""The names under which users and sessions are counted.

The proxy names them by the same rules (lua/bg/lib/names.lua): otherwise a session that was signed here and is
seen there would be two sessions.
"""

import base64
import re
from hashlib import sha256

LONGEST_USER = 512  # bytes: four for each of the 128 characters that a log-in may give
RANDOM = re.compile(r"[A-Za-z0-9_-]{22}")  # 128 bits
RANDOM_BYTES = 16
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def user(user_id: str) -> str:
    """The id itself, or, of one that is too long or has control characters, a hash of it."""
    encoded = user_id.encode()
    if len(encoded) > LONGEST_USER or CONTROL.search(user_id):
        return "sha256-" + _text(sha256(encoded).digest())
    return user_id


def session(sid: str, user_name: str, *, foreign: bool = False) -> str:
    """An id of 128 random bits, such as ours, is unique by itself; any other is told apart by its user.

    So is every id that the app chose (`foreign`): none of its tokens can have the name of a session of ours.
    """
    if not foreign and RANDOM.fullmatch(sid):
        return sid
    return _text(sha256(f"{sid}\0{user_name}".encode()).digest()[:RANDOM_BYTES])


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
