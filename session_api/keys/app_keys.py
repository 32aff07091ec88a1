"""The keys of the app's own tokens: they are imported and removed, and sign no token of ours."""

from pathlib import Path

import msgspec

from session_api.files.atomic import Owner
from session_api.keys import algorithms, document, listing
from session_api.keys.document import Document, KeyringError, Signers, whole_second
from session_api.keys.key_reading import public_half
from session_api.keys.listing import KeyInfo


def trust(
    directory: Path,
    alg: str,
    content: bytes,
    *,
    kid: str | None = None,
    issuer: str | None = None,
    takes_short: bool = False,
    now: float | None = None,
    owner: Owner | None = None,
) -> KeyInfo:
    """Believe the app's own tokens: `content` is its HS256 secret, or its public key.

    For a key that is in the ring already, these terms hold from now on, and it goes on signing if it does.
    Raises KeyringError, OSError.
    """
    found, moment = document.read(directory), whole_second(now)
    try:
        public = algorithms.public_key(alg, content, takes_short=takes_short)
    except ValueError as error:
        mend = "bgctl keys import --allow-short-secret" if alg == "HS256" else "bgctl keys import --help"
        raise KeyringError(f"the given key {error}", mend) from error
    known = next((each for each in found.keys if public_half(directory, each) == public), None)
    if known is None:
        name = document.new_kid(moment, found)
        entry = document.entry_of(name if kid is None else kid, alg, name + algorithms.suffix(alg), moment)
        if entry.kid in document.taken(found):
            raise KeyringError(f"{entry.kid} is another key", "bgctl keys list")
        document.write_file(directory / "verify" / entry.file, content.rstrip(b"\r\n") + b"\n", owner)
    elif kid not in (None, known.kid):
        raise KeyringError(f"this key is in the ring as {known.kid}", "bgctl keys list")
    else:
        entry = known
    signed_by: Signers = "app" if known is None or known.signed_by == "app" else "both"
    is_short = isinstance(public, bytes) and len(public) < algorithms.MIN_SECRET_BYTES
    terms = {"signed_by": signed_by, "issuer": issuer, "short_secret": is_short, "retire_at": None}
    entry = msgspec.structs.replace(entry, **terms)
    others = [each for each in found.keys if each is not known]
    document.write(directory, Document(1, found.sign, [*others, entry]), owner)
    return listing.info(entry, found.sign, moment)


def remove(directory: Path, kid: str, *, owner: Owner | None = None) -> None:
    """Believe an imported key no more, from now on. Raises KeyringError, OSError."""
    found = document.read(directory)
    entry = next((each for each in found.keys if each.kid == kid), None)
    if entry is None:
        raise KeyringError(f"there is no key {kid}", "bgctl keys list")
    if entry.signed_by != "app":
        raise KeyringError(f"{kid} has signed tokens of ours, which would be refused", "bgctl keys rotate")
    kept = [each for each in found.keys if each is not entry]
    document.write(directory, Document(1, found.sign, kept), owner)
    (directory / "verify" / entry.file).unlink(missing_ok=True)
