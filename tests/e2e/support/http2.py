"""As much HTTP/2 (RFC 9113) as it takes to send what no library of clients sends."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
KNOWN = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}  # the static table of HPACK (RFC 7541)


class Connection:
    """One stream on a connection of its own."""

    def __init__(self, port: int, ca: Path) -> None:
        context = ssl.create_default_context(cafile=ca)
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        assert self._socket.selected_alpn_protocol() == "h2"
        self._authority = f"localhost:{port}"
        self._socket.sendall(PREFACE)
        self._send(SETTINGS, 0, b"", stream=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, method: str, path: str, *, ends: bool = True, **headers: str) -> None:
        own = {":method": method, ":scheme": "https", ":authority": self._authority, ":path": path}
        # Each name and value in letters, not to be indexed.
        block = b"".join(
            b"\x00" + _literal(name) + _literal(value) for name, value in {**own, **headers}.items()
        )
        self._send(HEADERS, END_HEADERS | (END_STREAM if ends else 0), block)

    def send(self, body: bytes, *, ends: bool = False) -> None:
        self._send(DATA, END_STREAM if ends else 0, body)

    def status(self) -> int:
        """Of the answer, whose headers are waited for."""
        while True:
            if status := self._status_in(next(self._frames(), None)):
                return status

    def _status_in(self, frame: tuple[int, int, bytes] | None) -> int | None:
        if frame is None:
            raise ConnectionError("the connection has ended")
        kind, flags, payload = frame
        if kind == HEADERS:
            return _status(payload)
        if kind == SETTINGS and not flags & ACK:
            self._send(SETTINGS, ACK, b"", stream=0)
        assert kind not in (RST_STREAM, GOAWAY), f"frame {kind}: {payload!r}"
        return None

    def status_within(self, seconds: float) -> int | None:
        """Of the answer, if its headers come in time. A frame that has begun is waited for as a whole."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self._socket.pending() and not select.select([self._socket], [], [], left)[0]:
                return None
            if status := self._status_in(next(self._frames(), None)):
                return status
        return None

    def body(self) -> bytes:
        """The rest of the answer."""
        found = b""
        for kind, flags, payload in self._frames():
            found += payload if kind == DATA else b""
            if flags & END_STREAM and kind in (DATA, HEADERS):
                break
        return found

    def _send(self, kind: int, flags: int, payload: bytes, stream: int = 1) -> None:
        head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream)
        self._socket.sendall(head + payload)

    def _frames(self) -> Iterator[tuple[int, int, bytes]]:
        while head := self._read(9):
            yield head[3], head[4], self._read(int.from_bytes(head[:3]))

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size and (more := self._socket.recv(size - len(found))):
            found += more
        return found


def _literal(text: str) -> bytes:
    raw = text.encode()
    if len(raw) < 127:
        return bytes([len(raw)]) + raw
    length, left = b"\x7f", len(raw) - 127
    while left >= 128:
        length, left = length + bytes([left % 128 + 128]), left // 128
    return length + bytes([left]) + raw


def _status(block: bytes) -> int:
    while block[0] & 0xE0 == 0x20:  # a change of the table's size
        block = block[1:]
    if block[0] & 0x80:
        return KNOWN[block[0] & 0x7F]
    assert block[:2] == b"\x48\x03", block
    return int(block[2:5])
