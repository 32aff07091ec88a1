"""Follows Redis: each newer document becomes state.json, each newer wish goes into node.json.

What cannot be used is left, and told.
"""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import NoReturn

from session_api.agent import node_file
from session_api.agent.contact import Contact
from session_api.agent.ending import Ending
from session_api.agent.last import Last
from session_api.agent.shared import Gone, Shared
from session_api.cluster import node_wish
from session_api.cluster.document import NONE, Document, Number, decode
from session_api.errors import SetupError
from session_api.state import document as state_document

log = logging.getLogger(__name__)
EVERY = 0.05  # seconds between two looks
FOREIGN = "Redis has another document under the number of ours: what is in force here stays"
EDITED = "state.json is not what the agent wrote last, and Redis has nothing as new"


@dataclass(frozen=True)
class Standing:
    """Where this node stands: the number of its file, what is wrong, and its text where Redis lacks that."""

    number: Number
    error: str | None = None
    offered: str | None = None


class Follower:
    """`news` is set when the standing may have changed, for whoever reports it.

    `proxy` is the moment at which the node's proxy began, as it was last seen: a proxy holds all requests
    until it is told that Redis was asked since.
    """

    def __init__(self, shared: Shared, last: Last, folder: Path, news: Event, ending: Ending) -> None:
        self._shared, self._last, self._folder = shared, last, folder
        self._news, self._ending = news, ending
        self._redis = Contact("Redis")
        self._disk = Contact("the folder of state.json", "is written", "cannot be written")
        self._seen: bytes | None = None
        self._fresh = True  # nothing was looked at yet
        self.proxy: float | None = None
        self._told: float | None = None  # the proxy that was told
        self._is_read = False  # whether Redis has a good document, or none
        self._wished: bytes | None = None  # as it was seen last
        self.wish = node_file.wish(folder)
        self.standing = Standing(self._last.number)

    def run(self) -> NoReturn:
        while True:
            time.sleep(self.look())

    def look(self) -> float:
        """One look at Redis. Returns the seconds until the next one."""
        proxy = self.proxy  # one that is seen later has to wait for the next look
        try:
            data, wished = self._shared.look()
        except Gone as error:
            return self._redis.lost(str(error))
        if self._redis.why is not None:
            self._news.set()
        self._redis.met()
        try:
            if self._fresh or data != self._seen:
                self._take(data)
                self._seen, self._fresh = data, False
            self._grant(wished)
            self._confirm(proxy)
        except OSError as error:
            self.standing = Standing(self._last.number, f"{self._folder} cannot be written: {error.strerror}")
            return self._disk.lost(str(error))
        self._disk.met()
        return EVERY

    def _take(self, data: bytes | None) -> None:
        """Raises OSError where it cannot be written: then it is tried again."""
        document, error = _read(data)
        self._is_read = error is None
        if document and self._last.denies(document):
            error = FOREIGN
        elif document and self._last.wants(document):
            with self._ending.waits():
                self._last.write(document)
        behind = document is None or document.number < self._last.number
        if behind and not self._last.whole and self._last.number > NONE:
            error = error or EDITED
        text = self._last.text() if behind and self._last.whole else None
        self.standing = Standing(self._last.number, error, text.decode() if text else None)
        self._news.set()

    def _grant(self, data: bytes | None) -> None:
        """Where Redis has none, or an older one, what was wished before goes on. Raises OSError as _take."""
        if data is None or data == self._wished:
            return
        try:
            wished = node_wish.decode(data)
        except ValueError as error:
            log.warning("what Redis wishes of this node cannot be used: %s", error)
            wished = node_wish.NONE
        if wished.number > self.wish.number:
            with self._ending.waits():
                node_file.grant(self._folder, wished)
            self.wish = wished
            self._news.set()
        self._wished = data

    def _confirm(self, proxy: float | None) -> None:
        """Where Redis has what this agent cannot read, the file may be old: then the proxy has to wait."""
        if proxy is not None and proxy != self._told and self._is_read:
            with self._ending.waits():
                node_file.confirm(self._folder, proxy)
            self._told = proxy


def _read(data: bytes | None) -> tuple[Document | None, str | None]:
    """The document, or why it is none. No document at all is no mistake."""
    if data is None:
        return None, None
    try:
        document = decode(data)
        state_document.decode(document.state.encode(), "its state")
    except SetupError as error:
        return None, f"the document in Redis cannot be used: {error.what}"
    except ValueError as error:
        return None, f"the document in Redis cannot be used: {error}"
    return document, None
