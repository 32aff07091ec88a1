"""Log-in, refresh, log-out, and the session of a token."""

from collections.abc import Callable

import falcon
import msgspec

from session_api.access.cookies import SessionCookie
from session_api.access.guards import KeyGuard, UserGuard
from session_api.http.routing_headers import routed
from session_api.messages import Token, TokenRequest
from session_api.sessions.sessions import Sessions
from session_api.tokens.claims import TokenError


class AuthResource:
    """The app's backend opens a session with the service key; everything else needs the user's token."""

    def __init__(
        self,
        sessions: Sessions,
        service: KeyGuard,
        user: UserGuard,
        cookie: SessionCookie,
        issued: Callable[[str], None],
    ) -> None:
        self._sessions = sessions
        self._service = service
        self._user = user
        self._cookie = cookie
        self._issued = issued

    def on_post_token(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._service(req)
        who = msgspec.convert(req.get_media(), TokenRequest)
        token = self._sessions.open(who.user_id, who.email, routed(req))
        resp.status = falcon.HTTP_CREATED
        self._send(resp, token, "login")

    def on_post_refresh(self, req: falcon.Request, resp: falcon.Response) -> None:
        with self._user.clearing(req, resp):
            token = self._sessions.refresh(self._user(req), routed(req))
        self._send(resp, token, "refresh")

    def on_post_logout(self, req: falcon.Request, resp: falcon.Response) -> None:
        try:
            self._sessions.close(self._user(req), routed(req))
        except TokenError:
            self._cookie.clear(resp)  # a user who logs out is logged out, also with a dead token
            raise
        self._cookie.clear(resp)
        resp.status = falcon.HTTP_NO_CONTENT

    def on_get_session(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = self._sessions.look(self._user(req), routed(req))

    def _send(self, resp: falcon.Response, token: Token, by: str) -> None:
        self._issued(by)
        resp.media = token
        self._cookie.set(resp, token.token)
