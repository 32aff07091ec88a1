"""Which version is current, and who is still active on another one."""

import falcon

from session_api.access.guards import KeyGuard, UserGuard
from session_api.counts.counts import Counts
from session_api.http.query import query
from session_api.http.routing_headers import routed
from session_api.sessions.sessions import Sessions


class DeploymentResource:
    """bgctl asks for the counts, with the admin key; a page asks whether there is a newer version."""

    def __init__(self, sessions: Sessions, counts: Counts, admin: KeyGuard, user: UserGuard) -> None:
        self._sessions = sessions
        self._counts = counts
        self._admin = admin
        self._user = user

    def on_get_active_sessions(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._admin(req)
        resp.media = self._counts.report(query(req))

    def on_post_heartbeat(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = self._sessions.beat(self._user(req), routed(req))

    def on_get_version(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = self._sessions.newest(routed(req))
