"""Good-byes, spread; and what the app does with large bodies, long polls and event streams."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from pathlib import Path

from app.farewell import Farewell, moments
from app.parts import FAREWELL
from app.server import create_app
from app.settings import Settings
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.testbed.support.play import run
from tests.unit.testbed.support.stage import browser, listening, stage_of

VERSION = "1.6.8"


@given(st.integers(0, 500), st.integers(0, 3600))
def test_each_ends_in_a_part_of_its_own(count: int, seconds: int) -> None:
    part = seconds / count if count else 0
    found = list(moments(count, seconds))
    assert len(found) == count
    assert all(n * part - 1e-6 <= at <= (n + 1) * part + 1e-6 for n, at in enumerate(found))


def test_everyone_is_told_once_whoever_has_gone_is_not_and_who_is_late_is_at_once() -> None:
    async def scenario() -> None:
        farewell, told = Farewell(), []

        async def end(name: str) -> None:
            told.append(name)
            raise ConnectionResetError  # it has gone just now: nobody minds

        with farewell.on(lambda: end("gone")):
            pass
        with farewell.on(lambda: end("one")), farewell.on(lambda: end("two")):
            await farewell.say(0.02)
            with farewell.on(lambda: end("late")):
                await asyncio.sleep(0)
            assert sorted(told) == ["late", "one", "two"]

    run(scenario())


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def test_a_file_comes_with_its_digest_and_one_that_is_sent_gets_it(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, "1.6.7", VERSION) as stage, browser() as http:
            old, new = stage.backends.values()
            bodies = []
            for base in (old, new):
                async with http.get(f"{base}/api/files/2") as response:
                    bodies.append(await response.read())
                assert response.headers["Repr-Digest"] == digest(bodies[-1])
                assert len(bodies[-1]) == 2 * 1024 * 1024
            assert bodies[0] != bodies[1]
            key = {"Idempotency-Key": "key-0001"}
            for seen in (1, 2):
                async with http.post(new + "/api/files", data=b"x" * 300_000, headers=key) as response:
                    assert (response.status, response.headers["Repr-Digest"]) == (201, digest(b"x" * 300_000))
                    answer = await response.json()
                assert answer == {"version": VERSION, "bytes": 300_000, "seen": seen}
            async with http.get(new + "/api/ledger") as response:
                assert await response.json() == {"key-0001": 2}
            for path in ("/api/files/x", "/api/files/1025", "/api/wait?seconds=-1"):
                async with http.get(new + path) as response:
                    assert response.status == 400

    run(scenario())


def test_a_long_poll_ends_with_the_next_note_or_with_its_time(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, VERSION) as stage, browser() as http:
            base, key = stage.backends[VERSION], {"Idempotency-Key": "key-0001"}
            poll = asyncio.create_task(http.get(base + "/api/wait?seconds=50"))
            waiting = asyncio.create_task(http.get(base + "/api/wait?seconds=0"))
            async with await waiting as response:
                assert await response.json() == {"version": VERSION, "note": None}
            await (await http.post(base + "/api/notes", json={"text": "tide"}, headers=key)).read()
            async with await poll as response:
                assert (await response.json())["note"]["text"] == "tide"

    run(scenario())


def test_a_stream_goes_on_where_it_was_and_says_good_bye(service_key: Path) -> None:
    async def scenario() -> None:
        app = create_app(Settings(VERSION, service_key_file=service_key))
        async with listening(app, shutdown_timeout=1) as base, browser() as http:
            async with http.get(base + "/api/events", headers={"Last-Event-ID": "41"}) as response:
                assert response.headers["X-Accel-Buffering"] == "no"
                lines = [await response.content.readline() for _ in range(5)]
                assert lines[0].startswith(b"retry: ")
                assert lines[2:4] == [b"id: 42\n", f"data: {VERSION}\n".encode()]
                await app[FAREWELL].say(0)
                rest = await response.content.read()
            assert rest.endswith(f"event: bye\ndata: {VERSION}\n\n".encode())

    run(scenario())
