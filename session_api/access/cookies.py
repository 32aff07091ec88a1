"""The cookies that carry a user's token, and an operator's log-in to the dashboard."""

from datetime import UTC, datetime

import falcon

LONG_AGO = datetime.fromtimestamp(0, UTC)


class Cookie:
    """One cookie, set and read.

    The prefix `__Host-` binds it to this host, to HTTPS and to the path /; browsers refuse it without TLS.
    """

    def __init__(self, name: str, secure: bool, max_age: int) -> None:
        self.name = f"__Host-{name}" if secure else name
        self._secure = secure
        self._max_age = max_age

    def set(self, resp: falcon.Response, token: str) -> None:
        """Give the token to the browser; an empty one makes it forget."""
        resp.set_cookie(
            self.name,
            token,
            max_age=self._max_age if token else None,
            expires=None if token else LONG_AGO,
            path="/",
            secure=self._secure,
            http_only=True,
            same_site="Strict",
        )

    def clear(self, resp: falcon.Response) -> None:
        """Make the browser forget the cookie.

        This needs the attributes with which it was set: browsers ignore a `__Host-` cookie without them.
        """
        self.set(resp, "")

    def read(self, req: falcon.Request) -> str | None:
        """Its value; None without one."""
        return read(req, self.name)


class SessionCookie(Cookie):
    """The cookie with a user's token."""

    def __init__(self, secure: bool, max_age: int, stem: str = "bg") -> None:
        super().__init__(f"{stem}_session", secure, max_age)


def read(req: falcon.Request, wanted: str) -> str | None:
    """The first cookie of that name, byte for byte: as for the proxy, quotes are part of the value."""
    for pair in (req.get_header("Cookie") or "").split(";"):
        name, equals, value = pair.lstrip(" ").partition("=")
        if equals and name == wanted:
            return value
    return None
