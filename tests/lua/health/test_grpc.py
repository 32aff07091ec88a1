"""Health by gRPC: the proxy and bgctl ask in the same bytes, and think the same of an answer (threat 36)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from tests.lua.support.luajit import Lua
from toolkit.health import grpc_health
from toolkit.health.answer import Answer, Fault
from toolkit.health.check import Check
from toolkit.health.proof import probe
from toolkit.values import Address

MESSAGES = {b"\x08\x01": None, b"\x08\x02": "answered NOT_SERVING", b"\x08\x03": "answered SERVICE_UNKNOWN"}
MESSAGES |= {b"": "answered UNKNOWN", b"\x10\x01": "answered UNKNOWN", b"\x08": "answered UNKNOWN"}
CODES = {12: grpc.StatusCode.UNIMPLEMENTED, 5: grpc.StatusCode.NOT_FOUND}


@pytest.fixture(scope="module")
def lua() -> Lua:
    return Lua()


@pytest.fixture(scope="module")
def asked(lua):
    return lua.module("health.grpc")


def fault(lua: Lua, status: int, body: bytes = b"", head: str = "") -> str | None:
    """What the proxy's Lua finds wrong with an answer of the control listener."""
    table = lua.table({"status": status, "head": f"HTTP/1.1 {status} X\r\n{head}"})
    table[b"body"] = body
    found = lua.module("health.grpc")[b"fault"](table)
    return found.decode() if found else None


def framed(message: bytes) -> bytes:
    return bytes(4) + bytes([len(message)]) + message


def check(port: int, path: str = "grpc") -> Check:
    return Check("web", Address(f"127.0.0.1:{port}"), path, "shop.example", "http", "image", within=5)


@contextmanager
def serving(answer: bytes | grpc.StatusCode) -> Iterator[tuple[int, list[bytes]]]:
    """A real server of gRPC: its port, and the messages with which it was asked."""
    seen: list[bytes] = []

    def say(request: bytes, context: grpc.ServicerContext) -> bytes:
        seen.append(request)
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, "no")
        assert isinstance(answer, bytes)
        return answer

    server = grpc.server(ThreadPoolExecutor(2))
    methods = {"Check": grpc.unary_unary_rpc_method_handler(say)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port, seen
    finally:
        server.stop(None).wait()


@pytest.mark.threat(36)
@pytest.mark.parametrize("path", ["grpc", "grpc:shop.Greeter", "grpc:" + "a" * 127])
def test_36_both_ask_in_the_same_bytes(asked, path):
    assert asked[b"message"](path.encode()) == grpc_health.message(path)
    with serving(b"\x08\x01") as (port, seen):
        assert probe(check(port, path), None) is None
    assert framed(seen[0]) == grpc_health.message(path)


@pytest.mark.threat(36)
@pytest.mark.parametrize(("message", "said"), MESSAGES.items())
def test_36_both_think_the_same_of_an_answer(lua, message, said):
    with serving(message) as (port, _):
        found = probe(check(port), None)
    assert (found.seen if found else None) == said
    assert fault(lua, 200, framed(message)) == said


@pytest.mark.parametrize("code", CODES)
def test_a_server_without_such_health_is_not_waited_for(lua, code):
    with serving(CODES[code]) as (port, _):
        found = probe(check(port), None)
    assert found == Fault("grpc", f"answered grpc-status {code}", code)
    assert found.lasts
    assert fault(lua, 200, head=f"grpc-status: {code}\r\n") == found.seen


def test_a_server_that_is_not_ready_is_waited_for(lua):
    assert not Fault("grpc", "answered NOT_SERVING").lasts
    assert fault(lua, 502, b"<html>") == "no answer"


def test_what_speaks_no_http_2_is_no_answer():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            with server.accept()[0] as line:
                line.recv(1000)
                line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        found = grpc_health.ask(check(server.getsockname()[1]))
        thread.join()
    assert found == Fault("no_answer", "connection broken")
    assert not isinstance(found, Answer)
