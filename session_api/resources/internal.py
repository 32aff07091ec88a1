"""Takes the reports of proxies, and tells them what is known of clients.

They send them here and ask here, and let no request from outside come here.
"""

import falcon
import msgspec

from session_api.access.guards import KeyGuard
from session_api.counts.counts import Counts
from session_api.messages import Activity


class InternalResource:
    """For proxies, with the proxy key."""

    def __init__(self, counts: Counts, proxy: KeyGuard) -> None:
        self._counts = counts
        self._proxy = proxy

    def on_post_activity(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._proxy(req)
        resp.media = self._counts.take(msgspec.convert(req.get_media(), Activity))

    def on_get_clients(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._proxy(req)
        resp.media = self._counts.clients(req.get_param("after") or "")
