"""Sends one health check: on a connection of its own, without redirects or proxies of the environment."""

import io
import re
import socket
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import TYPE_CHECKING

from toolkit.health.answer import MOST, Answer, Fault, followed
from toolkit.health.check import Check

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MOST_SENT = 4 * MOST  # bytes of an answer with its head, and with what chunks come in


class Incoming(io.RawIOBase):
    """Reads a socket until a time of time.monotonic(): its own time-out would begin anew with every byte."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until, self._left = sock, until, MOST_SENT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Raises TimeoutError when the time is over, and ValueError after `MOST_SENT` bytes."""
        if (remaining := self._until - time.monotonic()) <= 0:
            raise TimeoutError
        self._sock.settimeout(remaining)
        size = self._sock.recv_into(buffer)
        self._left -= size
        if self._left < 0:
            raise ValueError("it is too long")
        return size


class Response(HTTPResponse):
    """An answer that has to be complete by `until`."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        super().__init__(sock, method="GET")
        self.fp.close()
        self.fp = io.BufferedReader(Incoming(sock, until))


def ask(check: Check) -> Answer | Fault:
    """The answer, or why there is none; asked anew where only a slash at the end of the path was missing."""
    if check.by_grpc:
        from toolkit.health import grpc_health

        return grpc_health.ask(check)
    until = time.monotonic() + check.within
    answer = _ask(check, check.path, until)
    path = followed(answer, check.path, check.host)
    return _ask(check, path, until) if path else answer


def _ask(check: Check, path: str, until: float) -> Answer | Fault:
    within = max(0.001, until - time.monotonic())
    try:
        with closing(HTTPConnection(check.address.host, check.address.port, timeout=within)) as line:
            line.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
            for name, value in check.headers.items():
                line.putheader(name, value)
            line.endheaders()
            with closing(Response(line.sock, until)) as response:
                response.begin()
                return _read(response, check.proof)
    except ConnectionRefusedError:
        return Fault("no_answer", "connection refused")
    except TimeoutError:
        return Fault("no_answer", "timed out")
    except (OSError, HTTPException, ValueError):
        return Fault("no_answer", "connection broken")


def _read(response: HTTPResponse, proof: str) -> Answer | Fault:
    """The body is read only where a version is looked for in it: the page at / may be a large one."""
    body = b""
    if proof == "json" and 200 <= response.status < 300:
        body = response.read(MOST + 1)
        if len(body) > MOST:
            return Fault("no_answer", f"answered more than {MOST} bytes")
        if response.length:
            raise IncompleteRead(body, response.length)
    return Answer(response.status, _field(response, "Location"), _told(response, proof), body)


def _told(response: HTTPResponse, proof: str) -> str | None:
    return _field(response, proof.removeprefix("header:")) if proof.startswith("header:") else None


def _field(response: HTTPResponse, name: str) -> str | None:
    """The first line of the first header of this name."""
    found: str | None = response.headers.get(name)
    return None if found is None else re.split(r"[\r\n]", found, maxsplit=1)[0].strip(" \t")
