"""Log-ins to the dashboard: made with the admin key, and carried by a signed cookie."""

import hmac
import re
from collections.abc import Callable

import falcon

from session_api.access.cookies import Cookie
from session_api.access.guards import KeyGuard, unauthorized
from session_api.access.places import bearer
from session_api.clock import Clock

LIFE = 12 * 3600  # seconds
PURPOSE = b"bgctl dashboard log-in"
FORM = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")


class AdminLogin:
    """A log-in is an expiry that is signed with a key derived from the admin key: no store remembers it.

    So log-ins end by expiry, or all at once when the admin key is changed.
    """

    def __init__(self, admin_key: Callable[[], bytes], cookie: Cookie, clock: Clock) -> None:
        self._admin_key = admin_key
        self._cookie = cookie
        self._clock = clock

    def open(self, key: bytes, resp: falcon.Response) -> bool:
        """Log in, if this is the admin key."""
        if not hmac.compare_digest(key, self._admin_key()):
            return False
        expires_at = str(int(self._clock()) + LIFE)
        self._cookie.set(resp, f"{expires_at}.{self._sign(expires_at)}")
        return True

    def close(self, resp: falcon.Response) -> None:
        """Have the browser forget its log-in."""
        self._cookie.clear(resp)

    def holds(self, req: falcon.Request) -> bool:
        """Whether the request carries a log-in that is still good."""
        found = FORM.fullmatch(self._cookie.read(req) or "")
        if not found or not hmac.compare_digest(found[2], self._sign(found[1])):
            return False
        return int(found[1]) > self._clock()

    def _sign(self, expires_at: str) -> str:
        key = hmac.digest(self._admin_key(), PURPOSE, "sha256")
        return hmac.digest(key, expires_at.encode(), "sha256").hex()


class AdminGuard:
    """Lets a request pass that carries a log-in, or the admin key itself."""

    def __init__(self, key: KeyGuard, login: AdminLogin) -> None:
        self._key = key
        self._login = login

    def __call__(self, req: falcon.Request) -> None:
        """Raises HTTPUnauthorized."""
        if bearer(req) is not None:
            self._key(req)
        elif not self._login.holds(req):
            raise unauthorized("This needs a log-in at /api/deployment/dashboard, or the admin key.")
