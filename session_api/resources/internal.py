"""/_bgctl/: what proxies say. They let nobody from outside come here, and no app has such a path."""

import falcon
import msgspec

from session_api.access.guards import KeyGuard
from session_api.counts.counts import Counts
from session_api.messages import Activity


class InternalResource:
    """Only a proxy, by its key."""

    def __init__(self, counts: Counts, proxy: KeyGuard) -> None:
        self._counts = counts
        self._proxy = proxy

    def on_post_activity(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._proxy(req)
        resp.media = self._counts.take(msgspec.convert(req.get_media(), Activity))
