"""Redis, as much of it as an agent uses: it reads the document and its node's wish, and leaves its report."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any

import msgspec
from redis import RedisError
from redis.exceptions import RedisClusterException, ResponseError

from session_api.cluster.keys import Keys
from session_api.cluster.report import LASTS, Report
from session_api.stores.redis.address import RedisAddress
from session_api.stores.redis.connection import connect

SCRIPT = resources.files(__package__).joinpath("report.lua").read_text()


class Gone(Exception):  # noqa: N818  (Redis is)
    """Redis gives no answer, or none that is of use. `refused`: it answers, and does not do it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error) or type(error).__name__)
        self.refused = isinstance(error, ResponseError)


class Shared:
    """Not safe among threads: each has its own. The first use connects."""

    def __init__(self, address: RedisAddress, keys: Keys, node: str) -> None:
        self._address, self._keys, self._node = address, keys, node
        self._client: Any = None

    def look(self) -> tuple[bytes | None, bytes | None]:
        """The document, and what is wished of this node. Raises Gone."""
        with self._errors():
            document, wish = self._connected().mget(self._keys.document, self._keys.wish(self._node))
            return document, wish

    def report(self, report: Report) -> None:
        """Raises Gone."""
        text = msgspec.json.encode(report)
        with self._errors():
            self._connected().eval(SCRIPT, 1, self._keys.node(self._node), text, LASTS)

    def _connected(self) -> Any:
        if self._client is None:
            self._client = connect(self._address, text=False, single=True)
        return self._client

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, RedisClusterException, OSError) as error:
            raise Gone(error) from error
