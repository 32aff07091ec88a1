"""Health, readiness, metrics, the public keys, and the description of the API."""

from collections.abc import Mapping

import falcon
from prometheus_client import CONTENT_TYPE_LATEST

from session_api.http import openapi
from session_api.messages import Status
from session_api.observe.metrics import Metrics
from session_api.observe.readiness import Readiness
from session_api.tokens.tokens import Tokens


class OperationsResource:
    """Open to every client that reaches the port; from outside, the proxy routes only the key set here."""

    def __init__(
        self, readiness: Readiness, metrics: Metrics, tokens: Tokens, cookies: Mapping[str, str]
    ) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._tokens = tokens
        self._description = openapi.document(cookies)

    def on_get_health(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = Status()

    def on_get_readiness(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._readiness.check()
        resp.media = Status()

    def on_get_metrics(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = CONTENT_TYPE_LATEST
        resp.data = self._metrics.render()

    def on_get_keys(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.cache_control = ["public", "max-age=300"]
        resp.media = self._tokens.key_set()

    def on_get_openapi(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.cache_control = ["public", "max-age=300"]
        resp.media = self._description
