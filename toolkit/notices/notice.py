"""A notice: what it says, and how it is signed, as standardwebhooks.com has it: libraries verify that."""

import base64
import hashlib
import hmac
import secrets

from msgspec import Struct

PREFIX = "whsec_"  # before the key in its text form


class Notice(Struct, frozen=True, rename="camel"):
    """`event` is "up-green", "switch", "promote", "rollback" or "failure". `at` is a stamp in UTC.

    `old_version` and `version` are those of the release, or "" outside of one. `reason` says what has failed.
    """

    id: str
    event: str
    project: str
    phase: str
    old_version: str
    version: str
    at: str
    reason: str = ""


def new_id() -> str:
    return f"msg_{secrets.token_hex(16)}"


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(text: str) -> bytes:
    """The key in the text of a secret. Raises ValueError unless it is one of 24 to 64 bytes."""
    if not text.startswith(PREFIX):
        raise ValueError(f"it does not begin with {PREFIX}")
    key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    if not 24 <= len(key) <= 64:
        raise ValueError(f"its key has {len(key)} bytes; 24 to 64 are right")
    return key


def headers(key: bytes, id: str, sent: int, body: bytes) -> dict[str, str]:
    """`sent` is when it is sent, in seconds since 1970: an old one that is sent again is no proof."""
    signed = b".".join((id.encode(), str(sent).encode(), body))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "Webhook-Id": id,
        "Webhook-Timestamp": str(sent),
        "Webhook-Signature": f"v1,{signature}",
    }
