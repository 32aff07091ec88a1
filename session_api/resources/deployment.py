"""/api/deployment/: which version is current, and who is still on another."""

import falcon

from session_api.credentials import KeyGuard, UserGuard
from session_api.messages import CurrentVersion
from session_api.sessions import Sessions
from session_api.version import State


class DeploymentResource:
    """What a release waits for is bgctl's to see; a page asks whether to reload."""

    def __init__(self, sessions: Sessions, state: State, admin: KeyGuard, user: UserGuard) -> None:
        self._sessions = sessions
        self._state = state
        self._admin = admin
        self._user = user

    def on_get_active_sessions(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._admin(req)
        resp.media = self._sessions.census()

    def on_post_heartbeat(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = self._sessions.beat(self._user(req), req.get_header("X-Deployment-Version"))

    def on_get_version(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = CurrentVersion(self._state.current_version())
