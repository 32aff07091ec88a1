"""What is done with every request: its size is limited, it is counted, and its answer is not cached."""

from time import perf_counter

import falcon

from session_api import paths
from session_api.observe.metrics import Metrics

MAX_BODY = 16 * 1024  # bytes; the largest request that makes sense has less than 2 KB
LARGER = {paths.ACTIVITY: 1024 * 1024}  # a proxy sends a thousand rows at once


class Limits:
    """Refuses large bodies before they are read."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Raises HTTPContentTooLarge, HTTPLengthRequired."""
        resp.cache_control = [
            "no-store"
        ]  # tokens, users, counts; a resource that may be cached says so itself
        most = LARGER.get(req.path, MAX_BODY)
        if (req.content_length or 0) > most:
            raise falcon.HTTPContentTooLarge(description=f"The body may have {most} bytes.")
        if req.get_header("Transfer-Encoding"):
            raise falcon.HTTPLengthRequired(description="The body needs a Content-Length.")


class Counting:
    """Counts and times requests, by route and never by path: clients could invent paths without end."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        req.context.started = perf_counter()

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        seconds = perf_counter() - req.context.started
        method = req.method if req.method in falcon.COMBINED_METHODS else "other"
        self._metrics.answered(req.uri_template or "none", method, resp.status_code, seconds)
