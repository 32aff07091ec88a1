"""Lets requests pass that show the right key, or a user's token; and reads both."""

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import falcon

from session_api.access.origin import same_origin
from session_api.access.places import Places, bearer
from session_api.sessions.sessions import SessionEndedError
from session_api.tokens.claims import Claims, TokenError
from session_api.tokens.tokens import Tokens

SAFE = ("GET", "HEAD", "OPTIONS")


class KeyGuard:
    """Lets requests pass that carry one shared key."""

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
    """Lets requests pass that carry a user's token, and says whose it is."""

    def __init__(self, tokens: Tokens, places: Places, rejected: Callable[[str], None]) -> None:
        self._tokens = tokens
        self._places = places
        self._rejected = rejected

    def __call__(self, req: falcon.Request) -> Claims:
        """What the bearer's token says, else the first that is believed in a cookie, or where [tokens] says.

        A bad bearer token is refused, even if a good cookie comes along: the cookie may be another user's.
        (The proxy does look at the cookie then, but it only chooses a version by it.) Other schemes than
        Bearer are the app's. Raises TokenError, HTTPUnauthorized, HTTPForbidden.
        """
        token = bearer(req)
        try:
            return self._first(req) if token is None else self._tokens.verify(token)
        except TokenError as error:
            self._rejected(error.reason)
            raise

    def _first(self, req: falcon.Request) -> Claims:
        refused: TokenError | None = None
        spare: Claims | None = None  # of a token that says no version: others go before it
        for token, in_cookie in self._places.without_bearer(req):
            if in_cookie and req.method not in SAFE:
                same_origin(req)
            try:
                claims = self._tokens.verify(token)
            except TokenError as error:
                refused = refused or error
                continue
            if claims.version is not None:
                return claims
            spare = spare or claims
        if spare:
            return spare
        if refused:
            raise refused
        raise unauthorized("This needs a user's token, in Authorization or in the session cookie.")

    @contextmanager
    def clearing(self, req: falcon.Request, resp: falcon.Response) -> Iterator[None]:
        """Has the browser forget a cookie whose token is found to be dead within the `with` block.

        A token that is not valid yet is kept: clocks may differ by a little.
        """
        try:
            yield
        except (TokenError, SessionEndedError) as error:
            cookie = self._places.cookie
            if bearer(req) is None and cookie.read(req) and getattr(error, "reason", "") != "not_yet":
                cookie.clear(resp)
            raise


def unauthorized(detail: str, error: str | None = None) -> falcon.HTTPUnauthorized:
    """A 401 with the challenge that RFC 6750 asks for."""
    challenge = 'Bearer realm="bgctl"' + (f', error="{error}"' if error else "")
    return falcon.HTTPUnauthorized(description=detail, challenges=[challenge])
