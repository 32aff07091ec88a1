"""/api/deployment/: which version is current, and who is still on another."""

import re

import falcon

from session_api.counts import Counts, Query
from session_api.credentials import KeyGuard, UserGuard
from session_api.names import PATTERN
from session_api.pages import Page
from session_api.routed import routed
from session_api.sessions import Sessions

MAX_USERS = 1000
MAX_IDLE = 400 * 86400  # seconds


class DeploymentResource:
    """What a release waits for is bgctl's to see; a page asks whether to reload."""

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


def query(req: falcon.Request) -> Query:
    """What is asked for, from the parameters of active-sessions. Raises HTTPInvalidParam."""
    version, page = req.get_param("version"), req.get_param("page")
    if version is not None and not re.search(PATTERN, version):
        raise falcon.HTTPInvalidParam("It is not a version.", "version")
    try:
        cursor = Page.decode(page) if page else None
    except ValueError:
        raise falcon.HTTPInvalidParam("It is not a nextPage of an answer.", "page") from None
    return Query(
        limit=req.get_param_as_int("limit", min_value=0, max_value=MAX_USERS, default=Query.limit),
        page=cursor,
        idle=req.get_param_as_int("idle", min_value=0, max_value=MAX_IDLE, default=Query.idle),
        version=version,
    )
