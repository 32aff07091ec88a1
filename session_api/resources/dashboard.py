"""The dashboard: a page for operators, behind a log-in with the admin key."""

from urllib.parse import parse_qs

import falcon
import structlog

from session_api import paths
from session_api.access.admin import AdminGuard, AdminLogin
from session_api.access.origin import same_origin
from session_api.access.throttle import Throttle
from session_api.http import static
from session_api.http.query import query
from session_api.observe.overview import Overviews

log = structlog.get_logger(__name__)

FORM = "application/x-www-form-urlencoded"
WRONG = b"This is not the admin key."
LATER = b"There were too many wrong keys. Try again in SECONDS seconds."
CHALLENGE = 'Bearer realm="bgctl"'
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not no-referrer: it would have the browser send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class DashboardResource:
    """The page itself holds no data; it fetches `data`, which needs a log-in."""

    def __init__(
        self, overviews: Overviews, guard: AdminGuard, login: AdminLogin, throttle: Throttle
    ) -> None:
        self._overviews = overviews
        self._guard = guard
        self._login = login
        self._throttle = throttle
        self._page = static.load("dashboard.html")
        self._form = static.load("login.html")
        self._refusal = self._form.replace(b'role="alert" hidden', b'role="alert"')
        self._delay = self._refusal.replace(WRONG, LATER)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        _send(resp, self._page if self._login.holds(req) else self._form)

    def on_get_data(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._guard(req)
        resp.media = self._overviews.now(query(req))

    def on_post_login(self, req: falcon.Request, resp: falcon.Response) -> None:
        same_origin(req)
        key, client = _key(req), _client(req)
        if wait := self._throttle.wait(client):  # no key is looked at, or each early guess would be answered
            resp.status = falcon.HTTP_TOO_MANY_REQUESTS
            resp.set_header("Retry-After", str(wait))
            _send(resp, self._delay.replace(b"SECONDS", str(wait).encode()))
            return
        if self._login.open(key, resp):
            self._throttle.right(client)
            log.info("dashboard: logged in")
            _back(resp)
            return
        self._throttle.wrong(client)
        log.warning("dashboard: log-in refused")
        resp.status = falcon.HTTP_UNAUTHORIZED
        resp.set_header("WWW-Authenticate", CHALLENGE)
        _send(resp, self._refusal)

    def on_post_logout(self, req: falcon.Request, resp: falcon.Response) -> None:
        same_origin(req)
        self._login.close(resp)
        _back(resp)


def _key(req: falcon.Request) -> bytes:
    """The key that the form has in its one field. Raises HTTPUnsupportedMediaType, HTTPBadRequest."""
    if (req.content_type or "").partition(";")[0].strip() != FORM:
        raise falcon.HTTPUnsupportedMediaType(description=f"The log-in is sent as {FORM}.")
    text = req.bounded_stream.read().decode("latin-1")
    try:
        fields = parse_qs(text, encoding="latin-1", max_num_fields=8)
    except ValueError:
        raise falcon.HTTPBadRequest(description="This is not the form.") from None
    return fields.get("key", [""])[0].strip().encode("latin-1")


def _client(req: falcon.Request) -> str:
    """The address of the client. The proxy sets X-Real-IP; only programs on this host can forge it."""
    return req.get_header("X-Real-IP") or str(req.remote_addr)


def _send(resp: falcon.Response, page: bytes) -> None:
    resp.set_headers(HEADERS)
    resp.content_type = static.media_type("dashboard.html")
    resp.data = page


def _back(resp: falcon.Response) -> None:
    resp.status = falcon.HTTP_SEE_OTHER
    resp.location = paths.DASHBOARD
