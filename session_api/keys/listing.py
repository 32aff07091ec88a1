"""The keys as `bgctl keys list` shows them: which one signs, which ones verify, and for how long."""

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from session_api.keys import document
from session_api.keys.document import Entry, Signers, whole_second


class KeyInfo(msgspec.Struct, frozen=True, rename="camel"):
    """One key."""

    kid: str
    alg: str
    state: Literal["signing", "verifying", "imported", "retired"]
    created_at: datetime
    retire_at: datetime | None
    signed_by: Signers = "us"
    issuer: str | None = None
    short_secret: bool = False
    audience: str | None = None


def describe(directory: Path, *, now: float | None = None) -> list[KeyInfo]:
    """Every key in keyring.json, newest first. Raises KeyringError."""
    found, moment = document.read(directory), whole_second(now)
    newest_first = sorted(found.keys, key=lambda entry: (entry.created_at, entry.kid), reverse=True)
    return [info(entry, found.sign, moment) for entry in newest_first]


def info(entry: Entry, sign: str, moment: datetime) -> KeyInfo:
    """One entry as it is at `moment`; `sign` is the kid of the key that signs."""
    state: Literal["signing", "verifying", "imported", "retired"] = "verifying"
    if entry.retire_at and entry.retire_at <= moment:
        state = "retired"
    elif entry.kid == sign:
        state = "signing"
    elif entry.signed_by == "app":
        state = "imported"
    times = (entry.created_at, entry.retire_at)
    return KeyInfo(
        *(entry.kid, entry.alg, state, *times),
        signed_by=entry.signed_by,
        issuer=entry.issuer,
        short_secret=entry.short_secret,
        audience=entry.audience,
    )
