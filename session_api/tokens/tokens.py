"""Signs and verifies tokens (compact JWS), with the same verdicts as the proxy, reason for reason.

PyJWT does the cryptography. The parsing is ours, because two programs must agree on every token: libraries
differ in what they accept (padding, duplicate keys, `NaN`, a float for a time).
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

import jwt
import msgspec

from session_api.clock import Clock
from session_api.keys.keyring import Key, Keyring
from session_api.tokens.claims import MAX_DIGITS, Claims, Rules, TokenError, believe

MAX_BYTES = 8192
MAX_DEPTH = 16
MAX_EXPONENT_DIGITS = 4
COMPACT = re.compile(
    r"(?P<signed>(?P<header>[A-Za-z0-9_-]+)\.(?P<claims>[A-Za-z0-9_-]+))\.(?P<signature>[A-Za-z0-9_-]+)"
)
MAX_TRIED = 4  # keys that are tried for a token that names none


class Tokens:
    """Signs and verifies with the keys of one keyring."""

    def __init__(self, keyring: Keyring, clock: Clock, rules: Rules) -> None:
        self._keyring = keyring
        self._clock = clock
        self._rules = rules

    def sign(self, claims: Mapping[str, object]) -> str:
        """A token with these claims and our issuer."""
        key = self._keyring.signer(self._clock())
        header = _encode(msgspec.json.encode({"alg": key.alg, "kid": key.kid, "typ": "JWT"}))
        body = header + b"." + _encode(msgspec.json.encode({"iss": self._rules.issuer, **claims}))
        signature = jwt.get_algorithm_by_name(key.alg).sign(body, key.private)
        return (body + b"." + _encode(signature)).decode()

    def verify(self, token: str) -> Claims:
        """The claims of a token that passes every check. Raises TokenError with the first that fails."""
        if len(token) > MAX_BYTES:
            raise TokenError("too_large")
        compact = COMPACT.fullmatch(token)
        if not compact:
            raise TokenError("malformed")
        header, signature = _parse(compact["header"]), _decode(compact["signature"])
        now = int(self._clock())  # the proxy counts in whole seconds, too
        key = _signer(self._keys(header, now), compact["signed"].encode(), signature)
        return believe(_parse(compact["claims"]), key, self._rules, now)

    def key_set(self) -> dict[str, list[dict[str, object]]]:
        """Our public keys as a JSON Web Key Set (RFC 7517). An HS256 secret has no public half to show.

        The app's keys are not among them: a program that believes us must not take the app's tokens for ours.
        """
        keys = self._keyring.verifying(self._clock())
        ours = [key for key in keys if key.signed_by != "app" and not isinstance(key.public, bytes)]
        return {"keys": [_jwk(key) for key in ours]}

    def _keys(self, header: Mapping[str, Any], now: int) -> list[Key]:
        """The keys with which a token that has this header may be signed. Raises TokenError."""
        if header.keys() & {"crit", "b64", "enc"}:
            raise TokenError("crit")
        alg = header.get("alg")
        if "kid" not in header:
            return self._of_algorithm(alg, now)
        kid = header["kid"]
        key = self._keyring.find(kid, now) if isinstance(kid, str) else None
        if key is None:
            raise TokenError("unknown_kid")
        if alg != key.alg:
            raise TokenError("alg")
        return [key]

    def _of_algorithm(self, alg: object, now: int) -> list[Key]:
        keys = [key for key in self._keyring.verifying(now) if key.alg == alg]
        if not keys:
            raise TokenError("alg")
        # A provider with many keys, whose tokens name theirs, must not be in the way of the app's own.
        own = [key for key in keys if not key.fetched]
        tried = keys if len(keys) <= MAX_TRIED else own
        if not 0 < len(tried) <= MAX_TRIED:
            raise TokenError("unknown_kid")
        return tried


def _signer(keys: list[Key], signed: bytes, signature: bytes) -> Key:
    """The first of these keys that made the signature. Raises TokenError."""
    for key in keys:
        if jwt.get_algorithm_by_name(key.alg).verify(signed, key.public, signature):
            return key
    raise TokenError("signature")


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decode(segment: str) -> bytes:
    """Decodes canonical base64url alone: unused bits of the last character must be 0."""
    try:
        data = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise TokenError("malformed") from None
    if _encode(data) != segment.encode():
        raise TokenError("malformed")
    return data


def _parse(segment: str) -> dict[str, Any]:
    """The JSON object in a segment, read strictly."""
    try:
        value = json.loads(
            _decode(segment).decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_int=lambda digits: int(digits) if len(digits) <= MAX_DIGITS else float(digits),
            parse_float=_number,
        )
        _check(value, MAX_DEPTH)
    except (ValueError, RecursionError):
        raise TokenError("malformed") from None
    if not isinstance(value, dict):
        raise TokenError("malformed")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value


def _number(text: str) -> float:
    """A number with a limit of our own (RFC 8259, section 6, allows one): Python's and LuaJIT's differ."""
    exponent = re.search(r"[eE][+-]?([0-9]+)", text)
    if exponent and len(exponent[1]) > MAX_EXPONENT_DIGITS:
        raise ValueError("an exponent of more digits than any number needs")
    return float(text)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _check(value: object, depth: int) -> None:
    """Refuse nesting beyond `depth`, and halves of surrogate pairs: no UTF-8 can say them."""
    if depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        value.encode()  # UnicodeEncodeError is a ValueError
    elif isinstance(value, dict | list):
        for item in (*value, *value.values()) if isinstance(value, dict) else value:
            _check(item, depth - 1)


def _jwk(key: Key) -> dict[str, object]:
    described = jwt.get_algorithm_by_name(key.alg).to_jwk(key.public, as_dict=True)
    described.pop("key_ops", None)  # RFC 7517 wants one of `use` and `key_ops`
    return {**described, "kid": key.kid, "alg": key.alg, "use": "sig"}
