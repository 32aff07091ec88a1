"""The cookies that carry a user's token, and an admin's log-in."""

from datetime import UTC, datetime

import falcon

LONG_AGO = datetime.fromtimestamp(0, UTC)


class Cookie:
    """`__Host-` binds the cookie to one host, to HTTPS and to the whole site; without TLS it must go."""

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
        """Make the browser forget it: with the attributes it was set with, or `__Host-` has that ignored."""
        self.set(resp, "")

    def read(self, req: falcon.Request) -> str | None:
        """The first cookie of that name, byte for byte: to the proxy too, quotes are part of a value."""
        for pair in (req.get_header("Cookie") or "").split(";"):
            name, equals, value = pair.lstrip(" ").partition("=")
            if equals and name == self.name:
                return value
        return None


class SessionCookie(Cookie):
    """A user's."""

    def __init__(self, secure: bool, max_age: int, stem: str = "bg") -> None:
        super().__init__(f"{stem}_session", secure, max_age)
