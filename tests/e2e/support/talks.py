"""A WebSocket of somebody who is logged in, as the page of an ordinary project keeps one."""

from __future__ import annotations

import re
from contextlib import ExitStack

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.e2e.support.walkers import ANSWER_SECONDS, User

RESTARTS = 1012  # RFC 6455's registry: the service restarts, and a client may come again at once


class Talk:
    """Open for as long as its user is there. One that the app ends with 1012 is opened again.

    An answer has the app's version, which `version` finds, and what was said.
    """

    version = re.compile(r"^(\d+)(?:\.0\.0)? ")

    def __init__(self, user: User, path: str) -> None:
        self._user, self._path = user, path
        self._socket: ClientConnection | None = None
        self._open = ExitStack()

    def say(self, text: str) -> None:
        """Says it and hears it again, from the version that this user has; counts as a request."""
        crowd = self._user.crowd
        with crowd.lock:
            asked = crowd.serving.asks()
            crowd.recorder.requests += 1
        try:
            heard = self._exchange(text)
        except (WebSocketException, OSError) as error:
            self._user.fail("WS", self._path, f"{type(error).__name__}: {error}")
            return
        versions = self.version.findall(heard)
        self._user.judge(versions, asked, "WS", self._path)
        if not versions or text not in heard:
            self._user.fail("WS", self._path, f"{text!r} was answered by {heard!r}")
            return
        with crowd.lock:
            crowd.recorder.success(versions[0])

    def _exchange(self, text: str) -> str:
        try:
            return self._ask(text)
        except ConnectionClosed as end:
            if not end.rcvd or end.rcvd.code != RESTARTS:
                raise
            self.close()
            return self._ask(text)

    def _ask(self, text: str) -> str:
        if self._socket is None:
            url = self._user.crowd.url.replace("http", "ws", 1) + self._path
            asked = connect(url, additional_headers=self._user.cookies(), open_timeout=ANSWER_SECONDS)
            self._socket = self._open.enter_context(asked)
        self._socket.send(text)
        return str(self._socket.recv(ANSWER_SECONDS))

    def close(self) -> None:
        self._open.close()
        self._socket = None
