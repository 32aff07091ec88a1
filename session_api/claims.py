"""What the claims of a token say, and why they are not believed.

Libraries write them in their own ways: numbers for ids, fractions in times, null for what is not there. The
proxy reads them by the same rules (lua/bg/tokens/claims.lua).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from session_api.keyring import Key
from session_api.messages import MAX_EMAIL, PRINTABLE
from session_api.names import PATTERN

OWN_VERSION = "deploymentVersion"
USER, SESSION = ("userId", "user_id", "sub"), ("sid", "jti")
MAX_WHOLE = 2**53  # from here on a double cannot tell one whole number from the next
MAX_DIGITS = 40
MILLISECONDS = 10**11  # in seconds, this is the year 5138; in milliseconds, 1973
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
class Rules:
    """`leeway`, and the `longest` life of a token, are in seconds; `issuer` is ours."""

    issuer: str
    leeway: int
    longest: int
    version_claim: str = OWN_VERSION


@dataclass(frozen=True)
class Claims:
    """What a verified token says; not the names under which somebody is counted (session_api.ids).

    `user_id` is None where there is none. Times are Unix seconds; `issued_at` is 0 where it is not told, and
    at `over_at` the token is not believed any more. `generation` is that of the state that served `version`,
    None where it is not told. `foreign`: it is one of the app's own, which the app alone renews.
    """

    version: str
    generation: int | None
    sid: str
    user_id: str | None
    email: str | None
    issued_at: int
    expires_at: int
    over_at: int
    foreign: bool = False


def believe(claims: Mapping[str, Any], key: Key, rules: Rules, now: int) -> Claims:
    """What these claims say, signed with `key`. Raises TokenError with the first thing that is wrong."""
    foreign = key.signed_by == "app" or claims.get("iss") != rules.issuer
    if foreign and not _issued(claims.get("iss"), key):
        raise TokenError("issuer")
    times = {name: _seconds(claims[name]) for name in ("exp", "iat", "nbf") if _given(claims.get(name))}
    if "exp" not in times:
        raise TokenError("claims")
    if now > times["exp"] + rules.leeway:
        raise TokenError("expired")
    if max(times.get("iat", 0), times.get("nbf", 0)) > now + rules.leeway:
        raise TokenError("not_yet")
    # From its own beginning on: one that lives for too long is refused throughout, and not only at first.
    if times["exp"] > min(times.get("iat", now), now) + rules.longest + rules.leeway:
        raise TokenError("too_long")
    version = _version(claims, rules.version_claim)
    if not isinstance(version, str) or not re.search(PATTERN, version):
        raise TokenError("claims")
    user = _first_id(claims, USER)
    return Claims(
        version=version,
        generation=_generation(claims.get("deploymentGeneration")),
        sid=_session(claims, user, times),
        user_id=user,
        email=_email(claims.get("email")),
        issued_at=times.get("iat", 0),
        expires_at=times["exp"],
        over_at=times["exp"] + rules.leeway + 1,
        foreign=foreign,
    )


def _issued(issuer: object, key: Key) -> bool:
    """Whether this key is for the app's tokens of that issuer."""
    return key.signed_by != "us" and key.issuer in (None, issuer)


def _given(value: object) -> bool:
    """Null, or an empty id, is as good as none."""
    return value is not None and value != ""


def _seconds(value: object) -> int:
    """A time, its fraction dropped. Raises TokenError for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MILLISECONDS:
        raise TokenError("claims")
    return int(value)


def _whole(value: object) -> int | None:
    """A whole number that a double can hold, however it is written; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if -MAX_WHOLE < value < MAX_WHOLE and value == int(value) else None


def _generation(value: object) -> int | None:
    generation = _whole(value)
    return generation if generation is not None and generation >= 0 else None


def _email(value: object) -> str | None:
    """One that a log-in might give; what is longer, or cannot be shown, is as good as none."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_EMAIL:
        return None
    return value if re.search(PRINTABLE, value) else None


def _first_id(claims: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first of these ids that is given, as text. Raises TokenError for one that is no id."""
    for name in names:
        value = claims.get(name)
        if _given(value):
            return _id(value)
    return None


def _id(value: object) -> str:
    """A text, or a whole number as its digits: a large one must be written as digits alone."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    whole = _whole(value)
    if whole is None:
        raise TokenError("claims")
    return str(whole)


def _session(claims: Mapping[str, Any], user: str | None, times: Mapping[str, int]) -> str:
    """A session that has no id of its own is its user's since it was issued."""
    sid = _first_id(claims, SESSION)
    if sid is not None:
        return sid
    if user is None:
        raise TokenError("claims")
    return f"iat:{times['iat']}" if "iat" in times else f"exp:{times['exp']}"


def _version(claims: Mapping[str, Any], name: str) -> object:
    """A claim of just that name, else dots lead into it, else our own claim."""
    value = claims.get(name)
    if value is None:
        value = claims
        for part in filter(None, name.split(".")):
            value = value.get(part) if isinstance(value, Mapping) else None
    return claims.get(OWN_VERSION) if value is None else value
