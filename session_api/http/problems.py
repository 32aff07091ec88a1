"""Turns every error in a request into the problem document (RFC 9457) that the client gets."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import falcon
import msgspec
import structlog

from session_api.access.guards import unauthorized
from session_api.errors import SetupError
from session_api.messages import Problem
from session_api.observe.readiness import NotReadyError
from session_api.sessions.sessions import ForeignTokenError, SessionEndedError, VersionError
from session_api.stores.store import StoreBusyError, StoreError
from session_api.tokens.claims import TokenError

log = structlog.get_logger(__name__)


def _unavailable(detail: str, retry_after: int) -> falcon.HTTPServiceUnavailable:
    return falcon.HTTPServiceUnavailable(description=detail, retry_after=retry_after)


# The most specific type wins. Clients see no error's own text, but for what msgspec says of their JSON.
TABLE: Mapping[type[Exception], Callable[[Any], falcon.HTTPError]] = {
    TokenError: lambda error: unauthorized(f"The token is refused: {error.reason}.", "invalid_token"),
    SessionEndedError: lambda _: unauthorized("This session has ended.", "invalid_token"),
    ForeignTokenError: lambda _: falcon.HTTPForbidden(
        description="This token is the app's own: whoever issued it renews it."
    ),
    VersionError: lambda _: falcon.HTTPBadRequest(description="X-Deployment-Version is not a version."),
    msgspec.ValidationError: lambda error: falcon.HTTPBadRequest(description=str(error)),
    StoreBusyError: lambda _: _unavailable("The session store is busy.", retry_after=1),
    StoreError: lambda _: _unavailable("The session store does not answer: sessions are unknown.", 5),
    NotReadyError: lambda error: _unavailable(f"Not ready: {error}.", 5),
    SetupError: lambda _: _unavailable("The current version is unknown: state or keys cannot be read.", 5),
    Exception: lambda _: falcon.HTTPInternalServerError(description="This is a fault in the session API."),
}


def install(app: falcon.App[Any, Any], store_failed: Callable[[], None]) -> None:
    """Answer every error of this table, and Falcon's own, with a problem document.

    `store_failed` is told of every request that the store could not serve.
    """
    app.set_error_serializer(_serialize)
    for kind, describe in TABLE.items():
        app.add_error_handler(kind, _handler(describe, store_failed))


def _handler(
    describe: Callable[[Any], falcon.HTTPError], store_failed: Callable[[], None]
) -> Callable[..., None]:
    def handle(req: falcon.Request, resp: falcon.Response, error: Exception, params: object) -> None:
        if isinstance(error, StoreError):
            store_failed()
        problem = describe(error)
        if problem.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            unforeseen = problem.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
            why = {} if unforeseen else {"why": str(error)}
            log.error("request failed", method=req.method, route=req.uri_template, exc_info=unforeseen, **why)
        raise problem

    return handle


def _serialize(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    title = HTTPStatus(error.status_code).phrase
    problem = Problem("about:blank", title, error.status_code, error.description or title)
    resp.content_type = "application/problem+json"
    resp.data = msgspec.json.encode(problem)
