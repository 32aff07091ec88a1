"""The keys that sign our own tokens: the first one is made with the folder, later ones take over from it."""

import re
import secrets
from datetime import datetime
from pathlib import Path

import msgspec

from session_api.files.atomic import Owner
from session_api.keys import algorithms, document, listing, shared_keys
from session_api.keys.algorithms import SIGNING
from session_api.keys.document import Document, Entry, KeyringError, whole_second
from session_api.keys.listing import KeyInfo

KEEP = 7 * 86400  # seconds that a replaced key still verifies, where nothing else is said
OWN_FILE = re.compile(r"k-\d{8}-\d+\.(pem|secret)")  # as document.new_kid names them


def create(
    directory: Path,
    alg: str = "EdDSA",
    *,
    now: float | None = None,
    secret: bytes | None = None,
    owner: Owner | None = None,
) -> KeyInfo:
    """Make the directory: a first key, the pin secret, and the shared keys. Never replaces a keyring.

    `secret` is an existing HS256 secret, with which the app signs, too; `owner` is the user and group that
    the files shall belong to (needs root). What an interrupted call left is completed by the next. Raises
    KeyringError, OSError.
    """
    if document.place(directory).exists():
        raise KeyringError(f"{document.place(directory)} exists already", "bgctl keys rotate")
    for path in (directory, directory / "verify", directory / "signing"):
        shared_keys.make_directory(path, owner)
    shared_keys.move(directory, owner=owner)
    shared_keys.complete(directory, owner=owner)
    moment = whole_second(now)
    entry = _add(directory, document.new_kid(moment), alg, moment, secret, owner)
    document.write(directory, Document(1, entry.kid, [entry]), owner)
    return listing.info(entry, entry.kid, moment)


def rotate(
    directory: Path,
    alg: str | None = None,
    *,
    now: float | None = None,
    secret: bytes | None = None,
    owner: Owner | None = None,
    keep: int = KEEP,
) -> KeyInfo:
    """Add a key that signs from now on (same algorithm unless told).

    The old one verifies for `keep` seconds more: the life of the last token that it signed. Keys past their
    time are removed. Returns the new key. Raises KeyringError, OSError.
    """
    found, moment = document.read(directory), whole_second(now)
    signer = next(entry for entry in found.keys if entry.kid == found.sign)
    kid = document.new_kid(moment, found)
    added = _add(directory, kid, alg or signer.alg, moment, secret, owner)
    retiring = msgspec.structs.replace(signer, retire_at=whole_second(moment.timestamp() + keep))
    kept = [retiring if entry is signer else entry for entry in found.keys]
    document.write(directory, Document(1, kid, [added, *kept]), owner)
    prune(directory, now=moment.timestamp(), owner=owner)
    return listing.info(added, kid, moment)


def prune(directory: Path, *, now: float | None = None, owner: Owner | None = None) -> list[str]:
    """Remove keys past their time, and files that an interrupted rotation left. Returns the kids removed."""
    found, moment = document.read(directory), whole_second(now)
    gone = [entry for entry in found.keys if entry.retire_at and entry.retire_at <= moment]
    keys = [entry for entry in found.keys if entry not in gone]
    if gone:
        document.write(directory, Document(1, found.sign, keys), owner)
    kept, removed = {entry.file for entry in keys}, {entry.file for entry in gone}
    for folder in (directory / "verify", directory / "signing"):
        for path in folder.iterdir():
            # An operator's own file may lie here before keyring.json names it: only our names are ours.
            is_ours = OWN_FILE.fullmatch(path.name) or path.name in removed
            if path.name not in kept and is_ours:
                path.unlink()
    return [entry.kid for entry in gone]


def _add(
    directory: Path, kid: str, alg: str, moment: datetime, secret: bytes | None, owner: Owner | None
) -> Entry:
    """Write a key's files; the key counts only once keyring.json names it."""
    if alg not in SIGNING:
        raise KeyringError(f"{alg} is not an algorithm to sign with", f"choose one of {', '.join(SIGNING)}")
    if secret is not None and alg != "HS256":
        raise KeyringError(f"a secret cannot become a key for {alg}", "use HS256, or leave the secret out")
    if alg == "HS256":
        private = public = (secrets.token_urlsafe(48).encode() if secret is None else secret) + b"\n"
    else:
        private, public = algorithms.generate(alg)
    try:
        algorithms.public_key(alg, public)
    except ValueError as error:
        raise KeyringError(
            f"the given secret {error}", "bgctl keys import --help, or: openssl rand -base64 48"
        ) from error
    name = kid + algorithms.suffix(alg)
    document.write_file(directory / "signing" / name, private, owner)
    document.write_file(directory / "verify" / name, public, owner)
    entry = document.entry_of(kid, alg, name, moment)
    return entry if secret is None else msgspec.structs.replace(entry, signed_by="both")
