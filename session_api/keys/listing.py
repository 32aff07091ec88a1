"""The keys as `bgctl keys list` shows them: which one signs, which ones verify, and for how long."""

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from session_api.keys import document
from session_api.keys.document import Entry, Signers, whole_second
from session_api.keys.issuer_keys import IssuerKey, Source, read

State = Literal["signing", "verifying", "imported", "fetched", "retired"]


class KeyInfo(msgspec.Struct, frozen=True, rename="camel"):
    """One key. `source` is the [jwks.NAME] that it is from."""

    kid: str
    alg: str
    state: State
    created_at: datetime
    retire_at: datetime | None
    signed_by: Signers = "us"
    issuer: str | None = None
    short_secret: bool = False
    audience: str | None = None
    source: str | None = None


def describe(directory: Path, *, now: float | None = None) -> list[KeyInfo]:
    """Every key in keyring.json, newest first, and then those of identity providers. Raises KeyringError."""
    found, moment = document.read(directory), whole_second(now)
    newest_first = sorted(found.keys, key=lambda entry: (entry.created_at, entry.kid), reverse=True)
    ours = [info(entry, found.sign, moment) for entry in newest_first]
    return [*ours, *(_fetched(source, key, moment) for source in read(directory) for key in source.keys)]


def info(entry: Entry, sign: str, moment: datetime) -> KeyInfo:
    """One entry as it is at `moment`; `sign` is the kid of the key that signs."""
    state: State = "verifying"
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


def _fetched(source: Source, key: IssuerKey, moment: datetime) -> KeyInfo:
    """A provider's key; one that it lists no more is as one of ours that was replaced."""
    state: State = "fetched"
    if key.retire_at:
        state = "retired" if key.retire_at <= moment else "verifying"
    return KeyInfo(
        *(key.name, key.alg, state, key.seen_at, key.retire_at),
        signed_by="app",
        issuer=source.issuer,
        audience=source.audience,
        source=source.name,
    )
