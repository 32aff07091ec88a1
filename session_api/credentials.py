"""Who is asking: a program by its key, or a user by a token."""

import hmac
from collections.abc import Callable

import falcon

from session_api.cookies import SessionCookie
from session_api.tokens import Claims, TokenError, Tokens


class KeyGuard:
    """Lets only the holder of one key pass."""

    def __init__(self, expected: Callable[[], bytes]) -> None:
        self._expected = expected

    def __call__(self, req: falcon.Request) -> None:
        """Raises HTTPUnauthorized."""
        given = bearer(req)
        if given is None:
            raise unauthorized("This needs a key, as Authorization: Bearer KEY.")
        if not hmac.compare_digest(given.encode("latin-1"), self._expected()):
            raise unauthorized("This is not the key for it.", "invalid_token")


class UserGuard:
    """Lets a user pass, and says who it is."""

    def __init__(self, tokens: Tokens, cookie: SessionCookie, rejected: Callable[[str], None]) -> None:
        self._tokens = tokens
        self._cookie = cookie
        self._rejected = rejected

    def __call__(self, req: falcon.Request) -> Claims:
        """The first token that verifies: the Authorization header's, else the cookie's, as in the proxy.

        Raises TokenError for the first sent, HTTPUnauthorized if none was.
        """
        refusals: list[TokenError] = []
        for token in filter(None, (bearer(req), self._cookie.read(req))):
            try:
                return self._tokens.verify(token)
            except TokenError as error:
                self._rejected(error.reason)
                refusals.append(error)
        if refusals:
            raise refusals[0]
        raise unauthorized("This needs a user's token, in Authorization or in the session cookie.")


def bearer(req: falcon.Request) -> str | None:
    """What follows `Bearer ` in the Authorization header (RFC 6750), if that is what it holds."""
    scheme, _, credentials = (req.get_header("Authorization") or "").partition(" ")
    return credentials.strip(" ") if scheme.lower() == "bearer" else None


def unauthorized(detail: str, error: str | None = None) -> falcon.HTTPUnauthorized:
    """A 401 with the challenge that RFC 6750 asks for."""
    challenge = 'Bearer realm="bgctl"' + (f', error="{error}"' if error else "")
    return falcon.HTTPUnauthorized(description=detail, challenges=[challenge])
