"""Clients of what takes long: a WebSocket, an event stream, a long poll, an upload, a download."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.e2e.support.stacks import Stack, eventually

MEGABYTE = 1024 * 1024
SIZE = 20  # megabytes of a download: more than proxy and kernel hold for a client that waits
PATIENCE = 60  # seconds


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


class Socket:
    """A WebSocket. `closed` is when and how it ended, once it has."""

    def __init__(self, stack: Stack) -> None:
        self._open = ExitStack()
        url = f"ws://127.0.0.1:{stack.ports.proxy}/ws"
        self._socket = self._open.enter_context(connect(url, open_timeout=PATIENCE))
        self.version = json.loads(self._socket.recv(PATIENCE))["version"]
        self.closed: tuple[float, int] | None = None

    def lives(self) -> bool:
        self._socket.send("ahoy")
        return self._socket.recv(PATIENCE) == "ahoy"

    def wait_closed(self) -> None:
        try:
            self._socket.recv(PATIENCE)
        except ConnectionClosed as end:
            self.closed = (time.monotonic(), end.rcvd.code if end.rcvd else 1006)
            self._open.close()

    def close(self) -> None:
        self._open.close()


class Events:
    """An event stream. `events` are names (or data, for those without) as they have come."""

    def __init__(self, stack: Stack) -> None:
        self.events: list[str] = []
        headers = {"Accept": "text/event-stream"}
        self._answer = requests.get(f"{stack.url}/api/events", headers=headers, stream=True, timeout=PATIENCE)
        self.version = self._answer.headers.get("X-Deployment-Version", stack.version)
        self.ended: tuple[float, str] | None = None
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            for event in self._blocks():
                self.events.append(event.get("event") or event.get("data", ""))
            self.ended = (time.monotonic(), "ended")
        except requests.RequestException as error:
            self.ended = (time.monotonic(), type(error).__name__)

    def _blocks(self) -> Iterator[dict[str, str]]:
        event: dict[str, str] = {}
        for line in self._answer.iter_lines(decode_unicode=True, chunk_size=1):
            name, _, value = line.partition(": ")
            if name:
                event[name] = value
            elif event:
                yield event
                event = {}

    def lives(self) -> bool:
        seen = len(self.events)
        eventually(lambda: len(self.events) > seen or self.ended, "another event")
        return self.ended is None and set(self.events) <= {"", self.version}

    def close(self) -> None:
        if self._answer.raw.connection and self._answer.raw.connection.sock:
            self._answer.raw.connection.sock.shutdown(2)
        self._thread.join(PATIENCE)
        self._answer.close()


class Poll:
    """A long poll that takes `seconds`. `answer` is there when it has ended."""

    def __init__(self, stack: Stack, seconds: int) -> None:
        self.answer: requests.Response | None = None
        self._url = f"{stack.url}/api/wait?seconds={seconds}"
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        self.answer = requests.get(self._url, timeout=PATIENCE)

    def end(self) -> dict[str, Any]:
        self._thread.join(PATIENCE)
        assert self.answer is not None
        assert self.answer.status_code == 200
        answer: dict[str, Any] = self.answer.json()
        return answer


class Download:
    """Of which a little has been read."""

    def __init__(self, stack: Stack, megabytes: int = SIZE) -> None:
        self._answer = requests.get(f"{stack.url}/api/files/{megabytes}", stream=True, timeout=PATIENCE)
        self.version = self._answer.headers["X-Deployment-Version"]
        self._first = self._answer.raw.read(1000)
        self._size = megabytes * MEGABYTE

    def whole(self) -> bool:
        """Reads the rest."""
        body = self._first + self._answer.raw.read()
        return len(body) == self._size and digest(body) == self._answer.headers["Repr-Digest"]


class Upload:
    """Of which half has been sent."""

    def __init__(self, stack: Stack, megabytes: int = 4) -> None:
        self._body = os.urandom(megabytes * MEGABYTE)
        self.key = os.urandom(16).hex()
        self._connection = http.client.HTTPConnection("127.0.0.1", stack.ports.proxy, timeout=PATIENCE)
        self._connection.putrequest("POST", "/api/files")
        self._connection.putheader("Content-Length", str(len(self._body)))
        self._connection.putheader("Idempotency-Key", self.key)
        self._connection.endheaders(self._body[: len(self._body) // 2])

    def finish(self) -> tuple[int, bool, str]:
        """Sends the rest. Status, whether all arrived once, and the version that has it."""
        self._connection.send(self._body[len(self._body) // 2 :])
        answer = self._connection.getresponse()
        document = json.loads(answer.read()) if answer.status == 201 else {}
        same = answer.getheader("Repr-Digest") == digest(self._body) and document.get("seen") == 1
        self._connection.close()
        return answer.status, same, document.get("version", "")
