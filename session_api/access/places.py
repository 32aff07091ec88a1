"""Where a request may have a user's token, in the order in which the proxy looks, too (docs/tokens.md)."""

from collections.abc import Iterator, Sequence

import falcon

from session_api.access import cookies
from session_api.access.cookies import SessionCookie


class Places:
    """Authorization, our own cookie, and then the headers and cookies that [tokens] names."""

    def __init__(self, cookie: SessionCookie, headers: Sequence[str], further: Sequence[str]) -> None:
        self.cookie = cookie
        self._headers = headers
        self._cookies = further

    def without_bearer(self, req: falcon.Request) -> Iterator[tuple[str, bool]]:
        """Each token beside that of `Authorization: Bearer`, and whether it is in a cookie.

        What has not the form of a token, in a header or cookie that is not ours, is the app's own.
        """
        if token := self.cookie.read(req):
            yield token, True
        for name in self._headers:
            value = req.get_header(name) or ""
            scheme, _, rest = value.partition(" ")
            token = rest.strip(" ") if scheme.lower() == "bearer" else value
            if is_jws(token):
                yield token, False
        for name in self._cookies:
            token = cookies.read(req, name) or ""
            if is_jws(token):
                yield token, True


def bearer(req: falcon.Request) -> str | None:
    """What follows `Bearer ` in the Authorization header (RFC 6750), if that is what it holds."""
    scheme, _, credentials = (req.get_header("Authorization") or "").partition(" ")
    return credentials.strip(" ") if scheme.lower() == "bearer" else None


def is_jws(text: str) -> bool:
    """Whether it has three segments (RFC 7515)."""
    return text.count(".") == 2
