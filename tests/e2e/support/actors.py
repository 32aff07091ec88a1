"""An app of the tests' own, in place of a slot's: it answers as the path says, and remembers what it got."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.e2e.support.stacks import Stack

STREAM = "text/event-stream; charset=utf-8"


@dataclass
class Actor:
    """`seen` is what reached it: method, path and headers, names in small letters; no health checks.

    `received` are the bytes of bodies that have come so far.
    """

    slot: str
    port: int
    version: str
    drops: bool = False
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    received: int = 0

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.seen]


class Handler(BaseHTTPRequestHandler):
    """/status/N answers with N, /wait/MS after so many milliseconds, /stream with a short stream of events.

    /says?NAME=VALUE has that header; several of one name are so many lines.
    /drop ends the connection without an answer where the actor drops.
    """

    protocol_version = "HTTP/1.1"
    actor: Actor

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        while length > 0 and (piece := self.rfile.read1(length)):
            length -= len(piece)
            self.actor.received += len(piece)
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path != "/healthz":
            self.actor.seen.append((self.command, self.path, headers))
        _, what, value = (*self.path.split("?")[0].split("/"), "", "")[:3]
        if what == "wait":
            time.sleep(int(value) / 1000)
        if what == "drop" and self.actor.drops:
            self.close_connection = True
            return
        body = b"data: x\n\n" if what == "stream" else b"ok"
        if what == "healthz":
            body = json.dumps({"version": self.actor.version}).encode()
        self.send_response(int(value) if what == "status" else 200)
        self.send_header("Content-Type", STREAM if what == "stream" else "text/plain")
        self.send_header("Set-Cookie", f"actor={self.actor.slot}")
        for name, said in parse_qsl(urlsplit(self.path).query) if what == "says" else ():
            self.send_header(name, said)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = answer  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        pass


class Stage(ThreadingHTTPServer):
    """Whoever is connected when it ends is cut off: the proxy would go on with an actor who has left."""

    def __init__(self, actor: Actor) -> None:
        self._connections: list[socket.socket] = []
        super().__init__(("127.0.0.1", actor.port), type("Bound", (Handler,), {"actor": actor}))

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, client = super().get_request()
        self._connections.append(connection)
        return connection, client

    def server_close(self) -> None:
        super().server_close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def in_blues_place(stack: Stack, handler: type[BaseHTTPRequestHandler]) -> Iterator[None]:
    """Answers on blue's port, whose container is stopped, and stays so."""
    stack.container("frontend-blue").stop(timeout=5)
    server = ThreadingHTTPServer(("127.0.0.1", stack.ports.blue), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def acting(stack: Stack, slot: str, drops: bool = False) -> Iterator[Actor]:
    """An Actor on the port of `slot`, whose container is stopped meanwhile."""
    stack.container(f"frontend-{slot}").stop(timeout=5)
    actor = Actor(slot, getattr(stack.ports, slot), stack.state()["slots"][slot]["version"], drops)
    server = Stage(actor)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield actor
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        stack.start_again(slot)
