"""Measures how long a service keeps an idle connection open: it has to be longer than the proxy does."""

import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from toolkit.health.check import Check
from toolkit.values import Address, Duration

MARGIN = 0.5  # seconds by which the service must outlast the proxy: a request on its way takes some
ANSWER = 2.0  # seconds for the one answer
HEAD = 64 * 1024

Closes = Callable[[Address, str, float], float | None]


def closes_after(
    address: Address,
    path: str,
    limit: float,
    believe: bool = False,
    headers: Mapping[str, str] | None = None,
) -> float | None:
    """Seconds after which the service closes an idle connection; None: it does not within `limit` seconds.

    None as well where it does not answer, or keeps no connection at all: then the proxy keeps none either.
    `believe`: a Keep-Alive header is believed, which saves waiting. `headers` are those of a check.
    """
    try:
        with closing(socket.create_connection((address.host, address.port), ANSWER)) as connection:
            fields = {"Host": str(address), "User-Agent": "bgctl", **(headers or {})}
            lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            head = _answer(connection)
            if head is None or not _persists(head):
                return None
            if believe and (told := re.search(r"(?im)^keep-alive:.*?\btimeout\s*=\s*(\d+)", head)):
                return int(told[1]) if int(told[1]) < limit else None
            return _wait(connection, limit)
    except (OSError, ValueError):  # ValueError: it does not speak HTTP as it should
        return None


def advice(name: str, closes: float, keeps: Duration) -> str:
    """What is wrong, and the setting to write, for a service that closes connections too early."""
    seconds = round(closes, 1)
    setting = f'[proxy] upstream_keepalive = "{shorter(closes).nginx}"'
    return (
        f"{name} closes idle connections after {seconds:g} s, and the proxy keeps them for {keeps:g} s: "
        f"now and then a request fails or is repeated; write {setting}, or have the app wait longer"
    )


def shorter(closes: float) -> Duration:
    """A time that is safely shorter: by a second, or half of it."""
    return Duration(max(0.1, round(closes) - 1.0 if closes >= 1.75 else round(closes / 2, 1)))


class Watch:
    """Measures several services at once, in threads, while something else is done."""

    def __init__(self, services: Sequence[tuple[str, Check]], keeps: Duration, believe: bool = False) -> None:
        self._keeps = keeps
        self._pool = ThreadPoolExecutor(max(1, len(services)))
        self._asked: dict[str, Future[float | None]] = {
            name: self._pool.submit(
                closes_after, check.address, check.path, keeps + MARGIN, believe, _lasting(check)
            )
            for name, check in services
        }

    def wait(self) -> list[str]:
        """The advice for each that closes too early."""
        seen = {name: future.result() for name, future in self._asked.items()}
        self._pool.shutdown()
        return [advice(name, each, self._keeps) for name, each in seen.items() if each is not None]


def _lasting(check: Check) -> dict[str, str]:
    """The headers of a check, on a connection that is meant to stay open."""
    return {name: value for name, value in check.headers.items() if name != "Connection"}


def _answer(connection: socket.socket) -> str | None:
    """The head of one whole answer, with its body taken off the connection; None: there was none."""
    with connection.makefile("rb") as stream:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline(HEAD)
            if not line or len(head) > HEAD:
                return None
            head += line
        text = head.decode("latin-1")
        if length := re.search(r"(?im)^content-length:\s*(\d+)", text):
            stream.read(int(length[1]))
        elif re.search(r"(?im)^transfer-encoding:.*chunked", text):
            _take_chunks(stream.readline, stream.read)
    return text


def _take_chunks(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> None:
    while size := int(readline().partition(b";")[0] or b"0", 16):
        read(size + 2)
    readline()


def _persists(head: str) -> bool:
    """Whether the connection stays open after this head: the answer's end is known without a close, and no
    Connection header announces one (RFC 9112, sections 6.3 and 9.3)."""
    ends = r"(?im)\AHTTP/1\.1 (204|304)\b|^content-length:|^transfer-encoding:.*chunked"
    closes = re.search(r"(?im)^connection:.*\bclose\b", head)
    return head.startswith("HTTP/1.1") and bool(re.search(ends, head)) and not closes


def _wait(connection: socket.socket, limit: float) -> float | None:
    start = time.monotonic()
    connection.settimeout(limit)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return None
    return time.monotonic() - start
