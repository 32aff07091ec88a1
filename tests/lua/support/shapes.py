"""Claims in the shapes that providers give theirs, and who and which session each of them is."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from tests.unit.session_api.support.data import NOW

VERSION = "1.6.7"


class Shape(NamedTuple):
    """`user` and `session` are what the claims say of them; `claim` is where the version is.

    `lasting` is the session where the version is left out: what stays when the token is renewed.
    """

    claims: dict[str, Any]
    user: str
    session: str
    claim: str = "deploymentVersion"
    lasting: str = "user:"

    def without_version(self) -> dict[str, Any]:
        """The claims as the provider makes them by itself."""
        claims = {name: value for name, value in self.claims.items() if name != self.claim}
        if self.claim == "app_metadata.version":
            claims["app_metadata"] = {"provider": "email", "providers": ["email"]}
        return claims

    def renewed(self, random: Random) -> dict[str, Any]:
        """The next token of that session."""
        claims = self.without_version()
        claims |= {name: claims[name] + 240 for name in ("iat", "exp") if name in claims}
        return claims | ({"jti": _uuid(random)} if "jti" in claims else {})


def _hex(random: Random, digits: int = 32) -> str:
    return f"{random.getrandbits(4 * digits):0{digits}x}"


def _uuid(random: Random) -> str:
    text = _hex(random)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def auth0(random: Random) -> Shape:
    """An access token: `aud` is a list where OpenID Connect is asked for, and there is no session."""
    user = f"auth0|{_hex(random, 24)}"
    aud = ["https://api.shop.example", "https://shop.eu.auth0.com/userinfo"]
    claims = {
        "https://shop.example/version": VERSION,
        "iss": "https://shop.eu.auth0.com/",
        "sub": user,
        "aud": aud if random.random() < 0.7 else aud[0],
        "iat": NOW,
        "exp": NOW + 86400,
        "scope": "openid profile email",
        "azp": _hex(random),
    }
    return Shape(claims, user, f"iat:{NOW}", "https://shop.example/version")


def keycloak(random: Random) -> Shape:
    user, session = _uuid(random), _uuid(random)
    claims = {
        **{"exp": NOW + 300, "iat": NOW, "auth_time": NOW - 60, "jti": f"onrtac:{_uuid(random)}"},
        **{"iss": "https://login.shop.example/realms/shop", "aud": ["realm-management", "account"]},
        **{"sub": user, "typ": "Bearer", "azp": "web", "sid": session, "acr": "1"},
        "allowed-origins": ["https://shop.example", "/*"],
        "realm_access": {"roles": ["offline_access", "uma_authorization", "default-roles-shop"]},
        "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
        **{"scope": "openid email profile", "email_verified": True, "preferred_username": "ada"},
        "deploymentVersion": VERSION,
    }
    return Shape(claims, user, session, lasting=session)


def cognito(random: Random) -> Shape:
    """An access token has no `aud`; an ID token has one. `jti` is new with each."""
    user, jti, first = _uuid(random), _uuid(random), _uuid(random)
    pool = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12Cd34E"
    claims: dict[str, Any] = {
        **{"sub": user, "iss": pool, "origin_jti": first, "event_id": _uuid(random)},
        **{"auth_time": NOW, "exp": NOW + 3600, "iat": NOW, "jti": jti, "deploymentVersion": VERSION},
    }
    if random.random() < 0.5:
        claims |= {"token_use": "access", "client_id": _hex(random, 26), "username": "ada", "version": 2}
    else:
        claims |= {"token_use": "id", "aud": _hex(random, 26), "cognito:username": "ada"}
        claims |= {"cognito:groups": ["admins"], "email_verified": True, "email": "ada@shop.example"}
    return Shape(claims, user, jti, lasting=first)


def firebase(random: Random) -> Shape:
    user = _hex(random, 28)
    claims = {
        **{
            "name": "Ada",
            "iss": "https://securetoken.google.com/shop-1",
            "aud": "shop-1",
            "auth_time": NOW - 9,
        },
        **{"user_id": user, "sub": user, "iat": NOW, "exp": NOW + 3600, "email": "ada@shop.example"},
        "firebase": {
            "identities": {"google.com": [_hex(random, 21)], "email": ["ada@shop.example"]},
            "sign_in_provider": "google.com",
        },
        "deploymentVersion": VERSION,
    }
    return Shape(claims, user, f"iat:{NOW}")


def supabase(random: Random) -> Shape:
    user, session = _uuid(random), _uuid(random)
    claims = {
        **{"iss": "https://abcdefghij.supabase.co/auth/v1", "sub": user, "aud": "authenticated"},
        **{"exp": NOW + 3600, "iat": NOW, "email": "", "phone": "", "role": "authenticated", "aal": "aal1"},
        "app_metadata": {"provider": "email", "providers": ["email"], "version": VERSION},
        "user_metadata": {"full_name": "Ада Лавлейс", "avatar": None},
        "amr": [{"method": "password", "timestamp": NOW}],
        **{"session_id": session, "is_anonymous": False},
    }
    return Shape(claims, user, f"iat:{NOW}", "app_metadata.version", session)


def simplejwt(random: Random) -> Shape:
    """`user_id` was a number up to 5.4, and is a text since."""
    user, jti = random.randrange(1, 10**6), _hex(random)
    claims = {
        **{"token_type": "access", "exp": NOW + 300, "iat": NOW, "jti": jti},
        **{"user_id": user if random.random() < 0.5 else str(user), "deploymentVersion": VERSION},
    }
    return Shape(claims, str(user), jti)


def jsonwebtoken(random: Random) -> Shape:
    user = random.randrange(1, 10**6)
    claims = {"userId": user, "deploymentVersion": VERSION, "iat": NOW, "exp": NOW + 604800}
    return Shape(claims, str(user), f"iat:{NOW}")


SHAPES = (auth0, keycloak, cognito, firebase, supabase, simplejwt, jsonwebtoken)


def damaged(random: Random, claims: dict[str, Any]) -> dict[str, Any]:
    """With one claim that is missing, or another than it should be."""
    name = random.choice([*claims, "exp", "iat", "nbf", "iss", "aud", "sub", "userId", "sid", "jti"])
    values = [
        *(None, True, 0, -1, 1.5, "", "x", [], {}, ["shop"], {"a": [1, {"b": None}]}, "\u0000", "ж" * 90),
        *(NOW, NOW + 59, NOW + 61, NOW - 59, NOW - 61, NOW + 0.5, NOW * 1000, 2**53, 2**63, -(2**53), 1e300),
        *(NOW + 604800, NOW + 604861, str(NOW + 60), "1.6.8", "1.6.7 ", "bgctl", "https://idp/", "shop"),
    ]
    if random.random() < 0.2:
        return {key: value for key, value in claims.items() if key != name}
    return claims | {name: random.choice(values)}
