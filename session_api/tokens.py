"""Tokens: compact JWS, signed and verified. The verdicts are those of the proxy, reason for reason.

PyJWT does the cryptography. The parsing is ours, because two programs must agree on every token: what one
library forgives (padding, duplicate keys, `NaN`, a float for a time) another refuses.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jwt
import msgspec

from session_api.clock import Clock
from session_api.keyring import Key, Keyring
from session_api.names import PATTERN

MAX_BYTES = 8192
MAX_DEPTH = 16
MAX_EXPONENT_DIGITS = 4
MAX_TIME = 2**53  # from here on a double cannot tell one second from the next
COMPACT = re.compile(
    r"(?P<signed>(?P<header>[A-Za-z0-9_-]+)\.(?P<claims>[A-Za-z0-9_-]+))\.(?P<signature>[A-Za-z0-9_-]+)"
)
Reason = Literal[
    "too_large",
    "malformed",
    "crit",
    "unknown_kid",
    "alg",
    "signature",
    "issuer",
    "expired",
    "not_yet",
    "too_long",
    "claims",
]


class TokenError(Exception):
    """A token that is not believed."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Claims:
    """What a verified token says. In a third party's, `sub` stands for a `sid` or `userId` that it lacks.

    It is what the token says, not the name under which somebody is counted (session_api.ids).

    `user_id` is None where there is neither. Times are Unix seconds; `issued_at` is 0 where it is not told.
    `generation` is that of the state that served `version`, None where it is not told.
    """

    version: str
    generation: int | None
    sid: str
    user_id: str | None
    email: str | None
    issued_at: int
    expires_at: int


class Tokens:
    """Signs and verifies with the keys of one keyring, for one issuer.

    `leeway`, and the `longest` life of a token, are in seconds.
    """

    def __init__(self, keyring: Keyring, clock: Clock, issuer: str, leeway: int, longest: int) -> None:
        self._keyring = keyring
        self._clock = clock
        self._issuer = issuer
        self._leeway = leeway
        self._longest = longest

    def sign(self, claims: Mapping[str, object]) -> str:
        """A token with these claims and our issuer."""
        key = self._keyring.signer(self._clock())
        header = _encode(msgspec.json.encode({"alg": key.alg, "kid": key.kid, "typ": "JWT"}))
        body = header + b"." + _encode(msgspec.json.encode({"iss": self._issuer, **claims}))
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
        key = self._key(header)
        if not jwt.get_algorithm_by_name(key.alg).verify(compact["signed"].encode(), key.public, signature):
            raise TokenError("signature")
        return self._believe(_parse(compact["claims"]))

    def key_set(self) -> dict[str, list[dict[str, object]]]:
        """The public keys as a JSON Web Key Set (RFC 7517). A shared secret has no public half to show."""
        keys = self._keyring.verifying(self._clock())
        return {"keys": [_jwk(key) for key in keys if not isinstance(key.public, bytes)]}

    def _key(self, header: Mapping[str, Any]) -> Key:
        if header.keys() & {"crit", "b64", "enc"}:
            raise TokenError("crit")
        kid = header.get("kid")
        key = self._keyring.find(kid, self._clock()) if isinstance(kid, str) else None
        if key is None:
            raise TokenError("unknown_kid")
        if header.get("alg") != key.alg:
            raise TokenError("alg")
        return key

    def _believe(self, claims: Mapping[str, Any]) -> Claims:
        now = self._clock()
        if claims.get("iss") != self._issuer:
            raise TokenError("issuer")
        times = {name: _seconds(claims[name]) for name in ("exp", "iat", "nbf") if name in claims}
        if "exp" not in times:
            raise TokenError("claims")
        if now > times["exp"] + self._leeway:
            raise TokenError("expired")
        if max(times.get("iat", 0), times.get("nbf", 0)) > now + self._leeway:
            raise TokenError("not_yet")
        # From its own beginning on: one that lives for too long is refused throughout, and not only at first.
        if times["exp"] > min(times.get("iat", now), now) + self._longest + self._leeway:
            raise TokenError("too_long")
        return _claims(claims, times)


def _claims(claims: Mapping[str, Any], times: Mapping[str, int]) -> Claims:
    version, email, sub = (claims.get(name) for name in ("deploymentVersion", "email", "sub"))
    sid, user_id = claims.get("sid", sub), claims.get("userId", sub)
    if not isinstance(version, str) or not re.search(PATTERN, version):
        raise TokenError("claims")
    if not isinstance(sid, str) or not sid:
        raise TokenError("claims")
    if "userId" in claims and not isinstance(user_id, str):
        raise TokenError("claims")
    if user_id == "":
        user_id = sub  # an empty one names nobody
    return Claims(
        version=version,
        generation=_whole(claims.get("deploymentGeneration")),
        sid=sid,
        user_id=user_id if isinstance(user_id, str) and user_id else None,
        email=email if isinstance(email, str) else None,
        issued_at=times.get("iat", 0),
        expires_at=times["exp"],
    )


def _seconds(value: object) -> int:
    """A time. Raises TokenError for what is none."""
    seconds = _whole(value)
    if seconds is None:
        raise TokenError("claims")
    return seconds


def _whole(value: object) -> int | None:
    """A JSON number without a fraction, from 0 up; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < MAX_TIME and value == int(value) else None


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decode(segment: str) -> bytes:
    """Canonical base64url alone: with no bits set that encoding would have left clear."""
    try:
        data = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise TokenError("malformed") from None
    if _encode(data) != segment.encode():
        raise TokenError("malformed")
    return data


def _parse(segment: str) -> dict[str, Any]:
    """A segment that holds a JSON object, read strictly."""
    try:
        value = json.loads(
            _decode(segment).decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_int=lambda digits: int(digits) if len(digits) < 20 else float(digits),
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
    """Where numbers end is for us to say (RFC 8259, section 6), and Python's limit is not LuaJIT's."""
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
