"""Bounds: a shared service that hangs, and bodies that trickle, cost others nothing."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests

from tests.e2e.support import http2
from tests.e2e.support.lasting import MEGABYTE, Upload
from tests.e2e.support.stacks import OLD, Stack, eventually, running

BEAT = b"POST /api/deployment/heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
PATIENT = 3  # seconds: client_timeout
LARGE = 99 * MEGABYTE


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two workers of 128 connections; of the session API's at most four each."""
    with running(
        tmp_path_factory.mktemp("limits") / "project",
        tls=True,
        tls_more={"redirect": False},
        proxy_more={"client_timeout": f"{PATIENT}s", "min_rate": "20m"},
        api_more={"connections": 4, "timeout": "2s"},
    ) as one:
        few_connections(one)
        yield one


def few_connections(stack: Stack) -> None:
    conf = stack.directory / "proxy" / "nginx.conf"
    conf.write_text(conf.read_text().replace("worker_connections 4096", "worker_connections 128"))
    before = {row["pid"] for row in stack.proxy_status()["workers"]}
    stack.container("proxy").kill("SIGHUP")
    eventually(
        lambda: not before & {row["pid"] for row in stack.proxy_status()["workers"]}, "the new workers are it"
    )


def opened(stack: Stack, sent: bytes, source: str = "") -> socket.socket:
    one = socket.create_connection(
        ("127.0.0.1", stack.ports.proxy), timeout=30, source_address=(source, 0) if source else None
    )
    one.sendall(sent)
    return one


def headers_of(connection: socket.socket) -> str:
    """The answer's headers, in small letters."""
    found = b""
    while b"\r\n\r\n" not in found and (more := connection.recv(4096)):
        found += more
    return found.decode().lower()


@pytest.mark.threat(82)
def test_82_a_session_api_that_hangs_costs_the_app_nothing(bounded):
    """150 clients beat; each that waited would hold two connections of 256."""
    bounded.expected.append(r"upstream timed out .*/api/deployment/heartbeat")
    bounded.expected.append(
        "128 worker_connections are not enough, reusing connections"
    )  # those that are idle
    visitor = bounded.log_in("vera")
    api = bounded.container("session-api")
    api.pause()
    try:
        with ExitStack() as stack:
            began = time.monotonic()
            beats = [stack.enter_context(opened(bounded, BEAT)) for _ in range(150)]
            with ThreadPoolExecutor(len(beats)) as pool:
                answers = pool.map(headers_of, beats)
                taken = []
                for _ in range(30):
                    asked = time.monotonic()
                    plain = visitor.get(f"{bounded.plain_url}/api/whoami", timeout=10)
                    assert (plain.status_code, plain.json()["version"]) == (200, OLD)
                    taken.append(time.monotonic() - asked)
                refused = [answer for answer in answers if " 503 " in answer]
            assert max(taken) < 2, "the session API's time-out is nobody else's"
            assert time.monotonic() - began < 20
        assert len(refused) >= 150 - 8
        assert all("retry-after: 2" in answer for answer in refused)
        assert bounded.proxy_status()["generation"], "the control listener has connections left"
    finally:
        api.unpause()
    eventually(lambda: not bounded.proxy_status()["activity"]["error"], "reports are taken again")
    url = f"{bounded.plain_url}/api/deployment/version"
    eventually(lambda: requests.get(url, timeout=10).status_code == 200, "and so are requests")


def trickling(stack: Stack, source: str) -> socket.socket:
    """A large upload of which the first part has been sent."""
    head = (
        f"POST /api/files HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n"
        f"Idempotency-Key: {source}-12345\r\nContent-Length: {LARGE}\r\n\r\n"
    )
    return opened(stack, head.encode() + b"x" * 100_000, source)


def status_of(connection: socket.socket) -> tuple[int, bool]:
    """Of the answer, for which it trickles on; and whether it says when to come again."""
    connection.settimeout(PATIENT / 10)
    while True:
        try:
            answer = headers_of(connection)
            assert "connection: close" in answer, "what follows is body, and no other request"
            return int(answer.split()[1]), "retry-after: " in answer
        except TimeoutError:
            connection.sendall(b"x")


def open_on_blue(stack: Stack) -> int:
    number: int = stack.proxy_status()["slots"]["blue"]["open"]
    return number


@pytest.mark.threat(83)
def test_83_uploads_that_trickle_stop_no_others_and_end(bounded):
    """512 MB: one address may have half of it, and half of what is free stays free for smaller ones."""
    assert Upload(bounded, megabytes=8).finish() == (201, True, OLD)
    for _ in range(2):  # the second time: all of the room has come back
        eventually(lambda: open_on_blue(bounded) == 0, "nothing is open")
        with ExitStack() as stack, ThreadPoolExecutor(4) as pool:

            def taken(
                source: str, stack: ExitStack = stack, pool: ThreadPoolExecutor = pool
            ) -> Future[tuple[int, bool]]:
                before = open_on_blue(bounded)
                future = pool.submit(status_of, stack.enter_context(trickling(bounded, source)))
                eventually(lambda: open_on_blue(bounded) == before + 1 or future.done(), "it is taken in")
                return future

            def refused(source: str) -> tuple[int, bool]:
                with trickling(bounded, source) as connection:
                    return status_of(connection)

            first = [taken("127.0.0.9") for _ in range(2)]
            assert [refused("127.0.0.9") for _ in range(4)] == [(429, True)] * 4
            first += [taken("127.0.0.10"), taken("127.0.0.11")]
            assert refused("127.0.0.12") == (503, True)
            assert Upload(bounded, megabytes=8).finish() == (201, True, OLD)
            assert [future.result() for future in first] == [(408, False)] * 4
    metrics = requests.get(f"{bounded.control_url}/metrics", timeout=10).text
    assert 'bgctl_errors_total{slot="blue"}' not in metrics, "the slot has not failed"


@pytest.mark.threat(83)
def test_83_a_body_of_unknown_length_trickles_in_a_worker_that_leaves(bounded):
    head = b"POST /api/files HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
    with opened(bounded, head) as connection:
        connection.settimeout(PATIENT / 10)
        eventually(lambda: open_on_blue(bounded) == 1, "it is being read")
        began = time.monotonic()
        bounded.container("proxy").kill("SIGHUP")
        answer = ""
        while not answer:
            try:
                answer = headers_of(connection)
            except TimeoutError:
                connection.sendall(b"1\r\nx\r\n")
        assert answer.startswith("http/1.1 408 ")
        assert time.monotonic() - began > PATIENT + 4, "as long as the largest may take"


@pytest.mark.threat(83)
@pytest.mark.parametrize("path", ["/api/files", "/api/deployment/heartbeat"])
def test_83_a_body_trickles_over_http_2(bounded, path):
    with http2.Connection(bounded.ports.tls, bounded.ca) as client:
        client.ask("POST", path, ends=False)
        client.send(b"x" * 1000)
        while not (status := client.status_within(PATIENT / 10)):
            client.send(b"x")
        assert status == 408
        assert json.loads(client.body())["status"] == 408


def test_a_body_that_grows_too_large_is_refused_and_leaves_nothing_behind(bounded):
    bounded.expected.append("client intended to send too large chunked body")
    chunk = b"100000\r\n" + b"x" * MEGABYTE + b"\r\n"
    head = b"POST /api/files HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with opened(bounded, head) as connection:
        try:
            for _ in range(102):
                connection.sendall(chunk)
        except OSError:
            pass
        answer = headers_of(connection)
        assert answer.startswith("http/1.1 413 ")
        assert "problem+json" in answer
    eventually(lambda: open_on_blue(bounded) == 0, "nothing is open")
    assert Upload(bounded, megabytes=8).finish() == (201, True, OLD)
