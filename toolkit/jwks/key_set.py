"""Reads a JWK Set (RFC 7517): the keys in it that verify signatures, and what is wrong with others. Pure."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec
from msgspec import Struct

from session_api.keys.document import Algorithm
from toolkit.errors import Failed
from toolkit.terminal.ui import printable

MOST_KEYS = 64
SHOWN = 3  # of what is wrong with keys, where none is good
PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")  # RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1
KID = re.compile(r"[ -~]{1,256}")
Jwk = Mapping[str, Any]


class Found(Struct, frozen=True):
    """A key that verifies, `public` as PEM."""

    kid: str | None
    alg: Algorithm
    public: str


class KeySet(Struct, frozen=True):
    """`notes` say what is wrong with keys that are left out; those for other uses are left out silently."""

    keys: tuple[Found, ...]
    notes: tuple[str, ...]


class Unfit(Exception):  # noqa: N818
    """A key that is left out."""


class Unused(Exception):  # noqa: N818
    """A key that is for something else than signatures."""


def read(text: bytes, rsa: str) -> KeySet:
    """`rsa` is the algorithm of RSA keys that do not name theirs. Raises Failed if none of it can be used."""
    try:
        listed = msgspec.json.decode(text)["keys"]
    except (msgspec.MsgspecError, RecursionError, KeyError, TypeError, IndexError):
        raise Failed("it is no JWK Set", 'JSON with a list "keys" is needed') from None
    if not isinstance(listed, list) or not all(isinstance(jwk, dict) for jwk in listed):
        raise Failed("it is no JWK Set", '"keys" is no list of objects')
    if len(listed) > MOST_KEYS:
        raise Failed(f"it has {len(listed)} keys", f"{MOST_KEYS} are read at most")
    _check_private(listed)
    keys: dict[object, Found] = {}
    notes = []
    for number, jwk in enumerate(listed, 1):
        try:
            found = _key(jwk, rsa)
        except Unused:
            continue
        except (Unfit, ValueError) as error:
            notes.append(f"{_name(jwk, number)} {error}")
            continue
        if keys.setdefault(found.kid or number, found) is not found:
            notes.append(f"{_name(jwk, number)} is listed twice")
    if not keys:
        raise Failed("it has no key that verifies signatures", _short(notes) or "it lists none")
    return KeySet(tuple(keys.values()), tuple(notes))


def _short(notes: list[str]) -> str:
    more = len(notes) - SHOWN
    return "; ".join(notes[:SHOWN]) + (f"; and {more} more like that" if more > 0 else "")


def _check_private(listed: list[Jwk]) -> None:
    """One private half makes all of it suspect: who has read it can sign. A secret is left out later."""
    for number, jwk in enumerate(listed, 1):
        private = [member for member in PRIVATE if member in jwk]
        if private and jwk.get("kty") != "oct":
            why = f"whoever has read {', '.join(private)} can sign tokens"
            mend = "make a new key, and list its public members alone"
            raise Failed(f"{_name(jwk, number)} is there with its private half", why, mend)


def _name(jwk: Jwk, number: int) -> str:
    kid = jwk.get("kid")
    return f"key {kid[:64]}" if isinstance(kid, str) and KID.fullmatch(kid) else f"key number {number}"


def _key(jwk: Jwk, rsa: str) -> Found:
    """Raises Unfit, Unused, ValueError."""
    from session_api.keys import algorithms

    kid, operations = jwk.get("kid"), jwk.get("key_ops")
    if jwk.get("use", "sig") != "sig" or (isinstance(operations, list) and "verify" not in operations):
        raise Unused
    if kid is not None and not (isinstance(kid, str) and KID.fullmatch(kid)):
        raise Unfit("has a kid that is none: 1 to 256 characters of ASCII are")
    pem = _pem(jwk)
    fitting = algorithms.of_public_key(pem)
    usual = rsa if rsa in fitting else fitting[0]
    alg = jwk.get("alg") or usual
    if alg not in fitting:
        raise Unfit(f"is for {printable(str(alg)[:40])}, and fit for {', '.join(fitting)}")
    return Found(kid, cast(Algorithm, alg), pem.decode())


def _pem(jwk: Jwk) -> bytes:
    """The key as OpenSSL writes it. Raises Unfit, Unused, ValueError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        key = _public(jwk)
    except (ValueError, UnsupportedAlgorithm):
        raise Unfit("is no key that can be read") from None
    pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def _public(jwk: Jwk) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    match jwk.get("kty"), jwk.get("crv"):
        case "RSA", _:
            n, e = _numbers(jwk, "n", "e")
            return rsa.RSAPublicNumbers(e, n).public_key()
        case "EC", "P-256" | "P-384" | "P-521" as curve:
            x, y = _numbers(jwk, "x", "y")
            curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
            return ec.EllipticCurvePublicNumbers(x, y, curves[curve]).public_key()
        case "OKP", "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(_bytes(jwk, "x"))
        case "OKP", "Ed448":
            return ed448.Ed448PublicKey.from_public_bytes(_bytes(jwk, "x"))
        case "oct", _:
            raise Unfit("is a secret, which no list may give: bgctl keys import --secret-file")
        case "OKP", "X25519" | "X448":
            raise Unused
        case kty, curve:
            of = printable(f"{str(kty)[:20]} {str(curve or '')[:20]}".rstrip())
            raise Unfit(f"is of a kind that is not known here: {of}")


def _numbers(jwk: Jwk, *names: str) -> Iterator[int]:
    return (int.from_bytes(_bytes(jwk, name), "big") for name in names)


def _bytes(jwk: Jwk, name: str) -> bytes:
    """A member in base64url (RFC 7515, section 2); some write the padding. Raises ValueError."""
    text = jwk.get(name)
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]+={0,2}", text):
        raise ValueError(name)
    bare = text.rstrip("=")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
