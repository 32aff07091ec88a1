"""The keys of the app's own tokens: they are imported and removed, and sign no token of ours."""

from pathlib import Path

import msgspec

from session_api.files.atomic import Owner
from session_api.keys import algorithms, document, issuer_keys, listing
from session_api.keys.algorithms import PublicKey
from session_api.keys.document import Document, Entry, KeyringError, Signers, whole_second
from session_api.keys.key_reading import public_half
from session_api.keys.listing import KeyInfo


def algorithm(directory: Path, content: bytes, *, has_secret: bool) -> str:
    """What a key is for where nobody says so: what it is bound to in the ring, else what is usual.

    Raises ValueError if it is fit for nothing, KeyringError.
    """
    fitting = tuple(algorithms.SECRET_BYTES) if has_secret else algorithms.of_public_key(content)
    public = algorithms.public_key(fitting[0], content, takes_short=True)
    known = _known(directory, document.read(directory), public)
    return known.alg if known else fitting[0]


def trust(
    directory: Path,
    alg: str,
    content: bytes,
    *,
    kid: str | None = None,
    issuer: str | None = None,
    audience: str | None = None,
    takes_short: bool = False,
    now: float | None = None,
    owner: Owner | None = None,
) -> KeyInfo:
    """Believe the app's own tokens: `content` is its HS256 secret, or its public key.

    For a key that is in the ring already, these terms hold from now on, and it goes on signing if it does;
    of a key that signs, the algorithm stays. Raises KeyringError, OSError.
    """
    found, moment = document.read(directory), whole_second(now)
    public = _fit(alg, content, takes_short)
    known = _known(directory, found, public)
    if known is None:
        name = document.new_kid(moment, found)
        entry = document.entry_of(name if kid is None else kid, alg, name + algorithms.suffix(alg), moment)
        if entry.kid in document.taken(found):
            raise KeyringError(f"{entry.kid} is another key", "bgctl keys list")
        document.write_file(directory / "verify" / entry.file, content.rstrip(b"\r\n") + b"\n", owner)
    else:
        _check_terms(known, kid, alg)
        entry = known
    signed_by: Signers = "app" if known is None or known.signed_by == "app" else "both"
    is_short = isinstance(public, bytes) and len(public) < algorithms.SECRET_BYTES[alg]
    terms = {"alg": alg, "signed_by": signed_by, "issuer": issuer, "audience": audience}
    entry = msgspec.structs.replace(entry, **terms, short_secret=is_short, retire_at=None)
    others = [each for each in found.keys if each is not known]
    document.write(directory, Document(1, found.sign, [*others, entry]), owner)
    return listing.info(entry, found.sign, moment)


def remove(directory: Path, kid: str, *, owner: Owner | None = None) -> None:
    """Believe an imported key no more, from now on. Raises KeyringError, OSError."""
    found = document.read(directory)
    entry = next((each for each in found.keys if each.kid == kid), None)
    if entry is None:
        _check_foreign(directory, kid)
        raise KeyringError(f"there is no key {kid}", "bgctl keys list")
    if entry.signed_by != "app":
        raise KeyringError(f"{kid} has signed tokens of ours, which would be refused", "bgctl keys rotate")
    kept = [each for each in found.keys if each is not entry]
    document.write(directory, Document(1, found.sign, kept), owner)
    (directory / "verify" / entry.file).unlink(missing_ok=True)


def _check_foreign(directory: Path, kid: str) -> None:
    """Raises KeyringError if the key is an identity provider's, and is not ours to remove."""
    for source in issuer_keys.read(directory):
        if any(key.kid == kid for key in source.keys):
            mend = f"take [jwks.{source.name}] out of bgctl.toml, then: bgctl keys refresh"
            raise KeyringError(f"{kid} is a key that [jwks.{source.name}] gives", mend)


def _fit(alg: str, content: bytes, takes_short: bool) -> PublicKey:
    try:
        return algorithms.public_key(alg, content, takes_short=takes_short)
    except ValueError as error:
        mend = f"bgctl keys import {'--allow-short-secret' if alg in algorithms.SECRET_BYTES else '--help'}"
        raise KeyringError(f"the given key {error}", mend) from error


def _check_terms(known: Entry, kid: str | None, alg: str) -> None:
    """Raises KeyringError if a key that is in the ring cannot be had under that name, or for that."""
    if kid not in (None, known.kid):
        raise KeyringError(f"this key is in the ring as {known.kid}", "bgctl keys list")
    if known.alg != alg and known.signed_by != "app":
        raise KeyringError(f"{known.kid} signs for {known.alg}", "leave --algorithm out")


def _known(directory: Path, found: Document, public: PublicKey) -> Entry | None:
    """The entry of a key that is in the ring already."""
    return next((each for each in found.keys if public_half(directory, each) == public), None)
