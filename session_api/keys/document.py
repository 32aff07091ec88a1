"""keyring.json: the list of signing keys, as the session API, bgctl and the proxy read it."""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from session_api.errors import SetupError
from session_api.files import atomic
from session_api.files.atomic import Owner
from session_api.keys.algorithms import SECRET_BYTES

log = logging.getLogger(__name__)
KEY_MODE = 0o640  # of every file below keys/
# Who signs with a key: we; the app, whose tokens are believed, and nothing of ours; or both with one secret.
Signers = Literal["us", "app", "both"]

Algorithm = Literal[
    "EdDSA",
    "ES256",
    "ES384",
    "ES512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "HS256",
    "HS384",
    "HS512",
]

Kid = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
FileName = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,79}\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class KeyringError(SetupError):
    """The keys are missing, unsafe or unreadable."""


class Entry(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One key as keyring.json lists it.

    `issuer` is the `iss` that the app's tokens must have, None for any; our own tokens have [tokens] issuer.
    `audience` must be their `aud`, or in it; None where it is not looked at. `short_secret`: the secret is
    shorter than its algorithm demands, and is accepted all the same.
    """

    kid: Kid
    alg: Algorithm
    file: FileName
    created_at: Moment
    retire_at: Moment | None = None
    signed_by: Signers = "us"
    issuer: Name | None = None
    audience: Name | None = None
    short_secret: bool = False


class Document(msgspec.Struct, frozen=True):
    """The whole of keyring.json; `sign` is the kid of the key that signs."""

    schema: Literal[1]
    sign: Kid
    keys: list[Entry]


def place(directory: Path) -> Path:
    """Where keyring.json lies below keys/."""
    return directory / "verify" / "keyring.json"


def read(directory: Path) -> Document:
    """Read keyring.json and check that it makes sense as a whole. Raises KeyringError."""
    path = place(directory)
    try:
        document = msgspec.json.decode(path.read_bytes(), type=Document)
    except FileNotFoundError:
        raise KeyringError(f"{path} does not exist", "bgctl keys init") from None
    except OSError as error:
        raise KeyringError(f"{path} cannot be read: {error.strerror}", f"ls -l {path}") from error
    except msgspec.MsgspecError as error:
        raise KeyringError(f"{path} is not a keyring: {error}", f"mend {path}, or restore it") from error
    kids = [entry.kid for entry in document.keys]
    if len(set(kids)) != len(kids):
        raise KeyringError(f"{path} lists a kid twice", f"give each key in {path} its own kid")
    if document.sign not in kids:
        raise KeyringError(f"{path} signs with {document.sign!r}, which it does not list", "bgctl keys list")
    for entry in document.keys:
        if why := _unclear(entry, document.sign):
            raise KeyringError(f"{path}: {entry.kid}: {why}", f"mend {path}, or restore it")
    return document


def write(directory: Path, document: Document, owner: Owner | None) -> None:
    """Replace keyring.json: from now on its keys are in force. Raises OSError."""
    text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    write_file(place(directory), text + b"\n", owner)


def write_file(path: Path, content: bytes, owner: Owner | None) -> None:
    """Write a file below keys/. Raises OSError.

    A folder that cannot be synced is only logged: the file is in force all the same, and the files that
    belong to it must follow.
    """
    try:
        atomic.write(path, content, mode=KEY_MODE, owner=owner)
    except atomic.NotSyncedError as error:
        log.warning("%s is written, but its folder could not be synced: %s", path, error)


def entry_of(kid: str, alg: str, file: str, created_at: datetime) -> Entry:
    """A new entry. Raises KeyringError if `kid` cannot be the name of a key."""
    try:
        return msgspec.convert({"kid": kid, "alg": alg, "file": file, "createdAt": created_at}, Entry)
    except msgspec.ValidationError as error:
        raise KeyringError(f"{kid!r} is no name of a key: {error}", "letters, digits, . _ and -") from error


def new_kid(created_at: datetime, document: Document | None = None) -> str:
    """The next free name of the form k-YYYYMMDD-N."""
    day = f"k-{created_at:%Y%m%d}-"
    names = taken(document) if document else []
    numbers = [
        int(name[len(day) :]) for name in names if name.startswith(day) and name[len(day) :].isdecimal()
    ]
    return f"{day}{max(numbers, default=0) + 1}"


def taken(document: Document) -> list[str]:
    """The names that a new key, or its file, cannot have."""
    return [name for entry in document.keys for name in (entry.kid, entry.file.partition(".")[0])]


def whole_second(now: float | None) -> datetime:
    """A UTC time for keyring.json, from Unix seconds; None means now."""
    return datetime.fromtimestamp(int(time.time() if now is None else now), UTC)


def _unclear(entry: Entry, sign: str) -> str | None:
    """Why an entry makes no sense; None if it does."""
    if entry.signed_by == "app" and entry.kid == sign:
        return "the app alone signs with it (signedBy), and sign names it"
    if entry.issuer is not None and entry.signed_by == "us":
        return "issuer is for the app's tokens (signedBy)"
    if entry.audience is not None and entry.signed_by == "us":
        return "audience is for the app's tokens (signedBy)"
    if entry.short_secret and (entry.signed_by != "app" or entry.alg not in SECRET_BYTES):
        return "shortSecret is for secrets that the app alone signs with (signedBy)"
    return None
