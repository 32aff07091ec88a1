"""An HTTP/3 client that asks one thing at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent

Answer = tuple[int, dict[str, str], bytes]


class Client(QuicConnectionProtocol):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._http = H3Connection(self._quic)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""
        self._answer: asyncio.Future[Answer] | None = None

    async def ask(self, method: str, path: str, port: int, body: bytes = b"", **headers: str) -> Answer:
        stream = self._quic.get_next_available_stream_id()
        own = {":method": method, ":scheme": "https", ":authority": f"localhost:{port}", ":path": path}
        sent = [(name.encode(), value.encode()) for name, value in {**own, **headers}.items()]
        self._headers, self._body = [], b""
        self._answer = asyncio.get_running_loop().create_future()
        self._http.send_headers(stream, sent, end_stream=not body)
        if body:
            self._http.send_data(stream, body, end_stream=True)
        self.transmit()
        return await self._answer

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated) and self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionError(event.reason_phrase or f"error {event.error_code}"))
        for each in self._http.handle_event(event):
            self._take(each)

    def datagram_received(self, data: bytes | str, addr: Any) -> None:
        """Sees a stateless reset (RFC 9000, 10.3), which aioquic does not: no such connection."""
        known = [self._quic._peer_cid, *self._quic._peer_cid_available]
        tokens = {each.stateless_reset_token for each in known} - {None, b""}
        if data[-16:] in tokens and self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionError("reset: the peer does not know the connection"))
        super().datagram_received(data, addr)

    def _take(self, event: H3Event) -> None:
        if isinstance(event, HeadersReceived):
            self._headers = event.headers
        if isinstance(event, DataReceived):
            self._body += event.data
        if isinstance(event, HeadersReceived | DataReceived) and event.stream_ended and self._answer:
            found = {name.decode(): value.decode() for name, value in self._headers}
            self._answer.set_result((int(found[":status"]), found, self._body))


def connection(port: int, ca: Path) -> Any:
    """An asynchronous context that yields a `Client`."""
    wanted = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name="localhost")
    wanted.load_verify_locations(str(ca))
    return connect("127.0.0.1", port, configuration=wanted, create_protocol=Client)
