"""Reads the claims of a token, and says why they are not believed. Pure.

Libraries write claims in different ways: numbers for ids, fractions in times, null for what is absent. The
proxy reads them by the same rules (lua/bg/tokens/claims.lua).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from session_api.keys.keyring import Key
from session_api.messages import MAX_EMAIL, PRINTABLE
from session_api.version_name import PATTERN

OWN_VERSION = "deploymentVersion"
USER, SESSION, TOKEN = ("userId", "user_id", "sub"), ("sid", "jti"), ("jti",)
# What stays while a provider renews its tokens: OpenID Connect's and Keycloak's, Supabase's, Cognito's.
LASTING = ("sid", "session_id", "origin_jti")
ALL_OF_A_USER = "user:"  # in place of a session's id
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
    "audience",
    "expired",
    "not_yet",
    "too_long",
    "claims",
]


# What a token says: a version; else which session it is of; else which user, whose tokens are one session.
Says = Literal["version", "session", "user"]


class TokenError(Exception):
    """A token that is not believed; `reason` is the first check that failed."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Rules:
    """What a token has to satisfy: `issuer` is the `iss` of our own tokens.

    `leeway` is by how many seconds clocks may differ; `longest` is the longest life of a token in seconds.
    """

    issuer: str
    leeway: int
    longest: int
    version_claim: str = OWN_VERSION


@dataclass(frozen=True)
class Claims:
    """What a verified token says. The names for counting are made from it (session_api.sessions.names).

    `user_id` is None where there is none. Times are Unix seconds; `issued_at` is 0 where the token does not
    say it, and from `over_at` on the token is not believed. `generation` is that of the state when `version`
    was given, None where the token does not say it. `foreign`: the token is the app's own, which only the
    app renews. `version` is None where `says` is not "version": then the proxy holds the session.
    """

    version: str | None
    generation: int | None
    sid: str
    user_id: str | None
    email: str | None
    issued_at: int
    expires_at: int
    over_at: int
    foreign: bool = False
    says: Says = "version"


def believe(claims: Mapping[str, Any], key: Key, rules: Rules, now: int) -> Claims:
    """What these claims say, signed with `key`. Raises TokenError with the first thing that is wrong."""
    foreign = key.signed_by == "app" or claims.get("iss") != rules.issuer
    if foreign and not _issued(claims.get("iss"), key):
        raise TokenError("issuer")
    if foreign and not _for(claims.get("aud"), key):
        raise TokenError("audience")
    times = {name: _seconds(claims[name]) for name in ("exp", "iat", "nbf") if _given(claims.get(name))}
    if "exp" not in times:
        raise TokenError("claims")
    if now > times["exp"] + rules.leeway:
        raise TokenError("expired")
    if max(times.get("iat", 0), times.get("nbf", 0)) > now + rules.leeway:
        raise TokenError("not_yet")
    # Measured from `iat`: a token that lives for too long is refused all its life, not only at its beginning.
    if times["exp"] > min(times.get("iat", now), now) + rules.longest + rules.leeway:
        raise TokenError("too_long")
    version = _version(claims, rules.version_claim, foreign=foreign)
    user = _first_id(claims, USER)
    sid = _session(claims, user, times) if version else _lasting_session(claims, user)
    return Claims(
        version=version,
        generation=_generation(claims.get("deploymentGeneration")) if version else None,
        sid=sid,
        user_id=user,
        email=_email(claims.get("email")),
        issued_at=times.get("iat", 0),
        expires_at=times["exp"],
        over_at=times["exp"] + rules.leeway + 1,
        foreign=foreign,
        says="version" if version else "user" if sid == ALL_OF_A_USER else "session",
    )


def _issued(issuer: object, key: Key) -> bool:
    """Whether this key is for the app's tokens of that issuer."""
    return key.signed_by != "us" and key.issuer in (None, issuer)


def _for(audience: object, key: Key) -> bool:
    """Whether a token is for the audience of its key: one text, or a list of them (RFC 7519, 4.1.3)."""
    said = audience if isinstance(audience, list) else [audience]
    return key.audience is None or key.audience in said


def _given(value: object) -> bool:
    """Whether a claim has a value: null, or an empty id, counts as absent."""
    return value is not None and value != ""


def _seconds(value: object) -> int:
    """A time in whole seconds, its fraction dropped. Raises TokenError if the value is no time."""
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
    """An address as a log-in might give it; one that is too long, or cannot be shown, counts as absent."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_EMAIL:
        return None
    return value if re.search(PRINTABLE, value) else None


def _first_id(claims: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first of these claims that has a value, as text. Raises TokenError if that value is no id."""
    for name in names:
        value = claims.get(name)
        if _given(value):
            return _id(value)
    return None


def _id(value: object) -> str:
    """A text, or a whole number as its digits; from 2**53 on only if the token writes it as digits alone."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    whole = _whole(value)
    if whole is None:
        raise TokenError("claims")
    return str(whole)


def _session(claims: Mapping[str, Any], user: str | None, times: Mapping[str, int]) -> str:
    """The session's id; without one, the time when the token was issued stands for it."""
    sid = _first_id(claims, SESSION)
    if sid is not None:
        return sid
    if user is None:
        raise TokenError("claims")
    return f"iat:{times['iat']}" if "iat" in times else f"exp:{times['exp']}"


def _lasting_session(claims: Mapping[str, Any], user: str | None) -> str:
    """The session's id in a token without a version, where it has to outlast the token.

    An id that is new with each token is none. Without one, all tokens of a user are one session.
    """
    sid = _first_id(claims, LASTING)
    if sid is not None:
        return sid
    if user is not None:
        return ALL_OF_A_USER
    sid = _first_id(claims, TOKEN)
    if sid is None:
        raise TokenError("claims")
    return sid


def _version(claims: Mapping[str, Any], name: str, *, foreign: bool) -> str | None:
    """The claim of exactly that name; else the one that its dots lead to; else our own claim.

    Only a foreign token may have none of them. Raises TokenError.
    """
    value: Any = claims.get(name)
    if value is None:
        value = claims
        for part in filter(None, name.split(".")):
            value = value.get(part) if isinstance(value, Mapping) else None
    value = claims.get(OWN_VERSION) if value is None else value
    if value is None and foreign:
        return None
    if not isinstance(value, str) or not re.search(PATTERN, value):
        raise TokenError("claims")
    return value
