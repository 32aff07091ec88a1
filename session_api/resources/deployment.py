"""/api/deployment/: which version is current, and who is still on another."""

from typing import Annotated, Any, TypeVar, cast

import falcon
import msgspec

from session_api.counts import Counts, Query
from session_api.credentials import KeyGuard, UserGuard
from session_api.names import VersionName
from session_api.pages import Page
from session_api.routed import routed
from session_api.sessions import Sessions

T = TypeVar("T")
MAX_USERS = 1000
MAX_IDLE = 400 * 86400  # seconds
PARAMETERS: dict[str, Any] = {
    "limit": Annotated[int, msgspec.Meta(ge=0, le=MAX_USERS)],
    "page": Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]*\Z")],
    "idle": Annotated[int, msgspec.Meta(ge=0, le=MAX_IDLE)],
    "version": VersionName,
}


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

    def read(name: str, default: T) -> T:
        text = req.get_param(name)
        if text is None:
            return default
        try:
            return cast(T, msgspec.convert(text, PARAMETERS[name], strict=False))
        except msgspec.ValidationError as error:
            raise falcon.HTTPInvalidParam(f"{error}.", name) from None

    page = read("page", "")
    try:
        cursor = Page.decode(page) if page else None
    except ValueError:
        raise falcon.HTTPInvalidParam("It is not a nextPage of an answer.", "page") from None
    return Query(read("limit", Query.limit), cursor, read("idle", Query.idle), read("version", Query.version))
