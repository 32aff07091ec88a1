"""The demo app as a process: its faults, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from aiohttp import ClientSession, WSCloseCode, WSMsgType

pytestmark = pytest.mark.whole

APP = Path(__file__).resolve().parents[3] / "compose" / "demo-app"


@contextlib.contextmanager
def running(**env: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The app on a free port, answering; and its base URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "VERSION": "1.6.8", "PORT": str(port), "GRACE": "2", **env}
    with subprocess.Popen([sys.executable, "-m", "app"], cwd=APP, env=environment) as process:
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert process.poll() is None, "the app ended"
                time.sleep(0.05)
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def health(base: str) -> tuple[int, str]:
    response = requests.get(base + "/healthz", timeout=10)
    return response.status_code, response.json()["version"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("", (200, "1.6.8")), ("unhealthy", (500, "1.6.8")), ("wrong-version", (200, "0.0.0"))],
)
def test_health_tells_the_version_or_the_fault_that_was_asked_for(
    fault: str, expected: tuple[int, str]
) -> None:
    with running(FAULT=fault) as (_, base):
        assert health(base) == expected


def test_crash_after_healthy_answers_once_and_is_gone() -> None:
    with running(FAULT="crash-after-healthy") as (process, base):
        assert health(base) == (200, "1.6.8")
        assert process.wait(30) == 70


def test_no_version_is_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=APP,
        env={**os.environ, "VERSION": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2 and "VERSION" in done.stderr and "Traceback" not in done.stderr


def test_sigterm_closes_websockets_with_1012_and_lets_an_open_request_end() -> None:
    """Threat 40, the app's half."""

    async def scenario(process: subprocess.Popen[bytes], base: str) -> None:
        host, port = base.removeprefix("http://").split(":")
        async with ClientSession() as http:
            sockets = [await http.ws_connect(base + "/ws") for _ in range(5)]
            for websocket in sockets:
                await websocket.receive_json()
            # A request whose body is still on its way when the signal comes.
            reader, writer = await asyncio.open_connection(host, int(port))
            body = b'{"text": "last words"}'
            writer.write(b"POST /api/notes HTTP/1.1\r\nHost: x\r\nIdempotency-Key: last-words\r\n")
            writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:5])
            await writer.drain()
            async with http.get(base + "/healthz") as response:
                assert response.status == 200  # so the server has read what was sent before it
            process.send_signal(signal.SIGTERM)
            codes: list[int] = []
            for websocket in sockets:
                message = await websocket.receive(timeout=30)
                assert message.type is WSMsgType.CLOSE
                if not codes:
                    writer.write(body[5:])  # the app has begun to end, and reads on
                codes.append(message.data)
                await websocket.close()
            assert codes == [WSCloseCode.SERVICE_RESTART] * 5
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(host, int(port))
            assert b" 201 " in await reader.readline()
            writer.close()
            await writer.wait_closed()

    with running(GRACE="6") as (process, base):
        asyncio.run(asyncio.wait_for(scenario(process, base), 60))
        assert process.wait(30) == 0
