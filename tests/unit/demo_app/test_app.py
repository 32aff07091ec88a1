"""The demo app over real HTTP, with a stand-in for the session API."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector, TraceConfig
from app import sessions
from app.settings import Settings, from_env

from tests.unit.testbed.support.stage import SERVICE_KEY, browser, stage_of

GREEN = {"X-Deployment-Slot": "green", "X-Deployment-Version": "1.6.8"}


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 60))


def test_page_shows_version_slot_and_user_and_escapes_what_people_type(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, "1.6.8") as stage, browser() as http:
            base, nasty = stage.backends["1.6.8"], '<script>alert("x")</script>'
            async with http.post(base + "/login", data={"user": nasty}, headers=GREEN) as response:
                assert response.status == 200, "the redirect was followed"
            await http.post(
                base + "/api/notes", json={"text": nasty}, headers={"Idempotency-Key": "note-0001"}
            )
            async with http.get(base + "/", headers=GREEN) as response:
                page = await response.text()
            assert 'data-version="1.6.8" data-slot="green"' in page
            assert "&lt;script&gt;alert(&quot;x&quot;)" in page
            assert "<script>" not in page
            async with http.get(base + "/", headers={"X-Deployment-Slot": '"><b>'}) as response:
                assert "<b>" not in await response.text()

    run(scenario())


def test_assets_belong_to_one_version(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, "1.6.7", "1.6.8") as stage, browser() as http:
            old, new = stage.backends.values()
            async with http.get(old + "/") as response:
                assets = re.findall(r'(?:href|src)="(/assets/[^"]+)"', await response.text())
            assert {path.rsplit(".", 1)[1] for path in assets} == {"css", "js", "svg"}
            for path in assets:
                async with http.get(old + path) as response:
                    assert response.status == 200 and "immutable" in response.headers["Cache-Control"]
                async with http.get(new + path) as response:
                    assert response.status == 404 and response.headers["Cache-Control"] == "no-store"

    run(scenario())


def test_the_ships_log_is_a_page_of_its_own_whose_assets_name_each_other(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, "1.6.7", "1.6.8") as stage, browser() as http:
            old, new = stage.backends.values()
            nasty = "<b>Ada</b>"
            await (await http.post(old + "/login", data={"user": nasty})).read()
            async with http.get(old + "/log") as response:
                page = await response.text()
            assert "&lt;b&gt;Ada&lt;/b&gt;</strong> came aboard" in page and "<b>" not in page
            (css,) = re.findall(r'href="(/assets/log\.[^"]+\.css)"', page)
            (script,) = re.findall(r'src="(/assets/log\.[^"]+\.js)"', page)
            for path, names in (
                (css, r'url\("(wave\.\w{10}\.svg)"\)'),
                (script, r'from "\./(ago\.\w{10}\.js)"'),
            ):
                async with http.get(old + path) as response:
                    (name,) = re.findall(names, await response.text())
                for base, status in ((old, 200), (new, 404)):
                    async with http.get(f"{base}/assets/{name}") as response:
                        assert response.status == status, name
            await (await http.post(old + "/logout")).read()
            async with http.get(old + "/api/log") as response:
                answer = await response.json()
            assert answer["version"] == "1.6.7"
            assert [(entry["who"], entry["what"]) for entry in answer["entries"]] == [
                (nasty, "went ashore"),
                (nasty, "came aboard"),
            ]

    run(scenario())


def test_log_in_and_out_by_form_and_by_json(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, "1.6.8") as stage, browser() as http:
            base = stage.backends["1.6.8"]
            whoami = base + "/api/whoami"
            form = {"user": "Ada", "email": "ada@example.test"}
            async with http.post(
                base + "/login", data=form, headers=GREEN, allow_redirects=False
            ) as response:
                assert (response.status, response.headers["Location"]) == (303, "/")
                assert response.headers["Set-Cookie"].startswith("bg_session=")
            async with http.get(whoami, headers=GREEN) as response:
                answer = await response.json()
            assert answer == {"version": "1.6.8", "slot": "green", "user": "Ada", "feature": ""}
            async with http.post(base + "/logout", allow_redirects=False) as response:
                assert (response.status, response.headers["Location"]) == (303, "/")
            async with http.get(whoami) as response:
                assert (await response.json())["user"] is None

            json_headers = GREEN | {"Accept": "application/json"}
            async with http.post(base + "/login", json={"user": "Bob"}, headers=json_headers) as response:
                answer = await response.json()
            assert (response.status, answer["deploymentVersion"]) == (200, "1.6.8")
            http.cookie_jar.clear()
            bearer = {"Authorization": f"Bearer {answer['token']}"}
            async with http.get(whoami, headers=bearer) as response:
                assert (await response.json())["user"] == "Bob"
            assert "session" not in stage.sessions.asked, "the app knows the tokens it has just handed out"

    run(scenario())


@pytest.mark.parametrize("user", ["", "x" * 129, "a\nb", "a\x00b"])
def test_a_name_that_cannot_be_used_is_a_400_and_asks_nobody(service_key: Path, user: str) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, "1.6.8") as stage, browser() as http:
            async with http.post(stage.backends["1.6.8"] + "/login", data={"user": user}) as response:
                assert response.status == 400 and 'role="alert"' in await response.text()
            assert stage.sessions.asked == []

    run(scenario())


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_failing_session_api_is_a_friendly_503_and_pages_still_come(service_key: Path, status: int) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, "1.6.8") as stage, browser() as http:
            base = stage.backends["1.6.8"]
            await (await http.post(base + "/login", data={"user": "Ada"})).read()
            stage.sessions.status = status
            for path in ("/login", "/logout") if status != 401 else ("/login",):  # 401: logged out already
                async with http.post(base + path, data={"user": "Bob"}) as response:
                    text = await response.text()
                    assert response.status == 503 and response.headers["Retry-After"]
                    assert "Traceback" not in text and "taking a break" in text
            async with http.get(base + "/") as response:
                assert response.status == 200

    run(scenario())


def test_a_session_api_that_is_starting_is_asked_until_it_is_ready(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, "1.6.8") as stage, browser() as http:
            stage.sessions.status = 503

            async def is_ready_after_two_tries() -> None:
                while len(stage.sessions.asked) < 2:
                    await asyncio.sleep(0.01)
                stage.sessions.status = 0

            starts = asyncio.create_task(is_ready_after_two_tries())
            async with http.post(stage.backends["1.6.8"] + "/login", data={"user": "Ada"}) as response:
                assert response.status == 200, "the redirect was followed"
            assert stage.sessions.asked == ["token"] * 3
            await starts

    run(scenario())


@pytest.mark.parametrize("status", [500, 503])
def test_a_session_api_that_fails_or_never_gets_ready_makes_a_log_in_a_503(
    service_key: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(sessions, "AGAIN", 2 * sessions.PAUSE)

    async def scenario() -> None:
        async with stage_of(service_key, "1.6.8") as stage, browser() as http:
            stage.sessions.status = status
            async with http.post(stage.backends["1.6.8"] + "/login", data={"user": "Ada"}) as response:
                assert response.status == 503
            assert stage.sessions.asked == ["token"] * (2 if status == 503 else 1)

    run(scenario())


def test_without_service_key_or_session_api_the_page_comes_and_log_in_is_a_503(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stage_of(tmp_path / "missing.key", "1.6.8") as stage, browser() as http:
            base = stage.backends["1.6.8"]
            accept = {"Accept": "application/json"}
            async with http.post(base + "/login", data={"user": "Ada"}, headers=accept) as response:
                assert response.status == 503 and response.content_type == "application/problem+json"
            async with http.get(base + "/") as response:
                assert response.status == 200

    run(scenario())


def test_a_new_process_asks_once_whose_token_it_is_and_keeps_the_answer(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, "1.6.7", "1.6.8") as stage, browser() as http:
            old, new = stage.backends.values()
            await (await http.post(old + "/login", data={"user": "Ada"})).read()
            for _ in range(3):
                async with http.get(new + "/api/whoami") as response:
                    assert (await response.json())["user"] == "Ada"
            assert stage.sessions.asked == ["token", "session"]

    run(scenario())


def test_ledger_counts_how_often_a_note_arrived(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, "1.6.8") as stage, browser() as http:
            base, key = stage.backends["1.6.8"], {"Idempotency-Key": "key-0001"}
            for status, seen in ((201, 1), (200, 2)):
                async with http.post(base + "/api/notes", json={"text": "tide"}, headers=key) as response:
                    assert (response.status, (await response.json())["seen"]) == (status, seen)
            async with http.get(base + "/api/notes") as response:
                assert [note["text"] for note in (await response.json())["notes"]] == ["tide"]
            for name, seen in (("key-0001", 2), ("never-seen", 0)):
                async with http.get(f"{base}/api/notes/{name}") as response:
                    assert (await response.json())["seen"] == seen
            for headers, body in (({}, "{}"), (key, "no json"), (key, "[]"), (key, '{"text": ""}')):
                async with http.post(base + "/api/notes", data=body, headers=headers) as response:
                    assert response.status == 400
                    assert response.content_type == "application/problem+json"

    run(scenario())


def test_websocket_says_hello_and_echoes(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, "1.6.8") as stage, browser() as http:
            url = stage.backends["1.6.8"] + "/ws"
            async with http.ws_connect(url, headers={"X-Deployment-Slot": "blue"}) as socket:
                assert await socket.receive_json() == {"version": "1.6.8", "slot": "blue"}
                await socket.send_str("ahoy")
                assert await socket.receive_str() == "ahoy"
                await socket.send_bytes(b"\x00\x01")
                assert await socket.receive_bytes() == b"\x00\x01"
            async with http.get(url) as response:
                assert response.status == 400

    run(scenario())


def test_no_answer_breaks_keep_alive(service_key: Path) -> None:
    async def scenario() -> None:
        connections = []
        trace = TraceConfig()

        async def opened(*_: object) -> None:
            connections.append(1)

        trace.on_connection_create_end.append(opened)
        async with (
            stage_of(service_key, "1.6.8") as stage,
            ClientSession(connector=TCPConnector(limit=1), trace_configs=[trace]) as http,
        ):
            base = stage.backends["1.6.8"]
            asked = [("GET", "/", 200), ("GET", "/nope", 404), ("PUT", "/", 405), ("GET", "/ws", 400)]
            asked += [("POST", "/login", 400), ("POST", "/api/notes", 400), ("POST", "/logout", 303)]
            for method, path, status in asked:
                async with http.request(
                    method, base + path, data=b"x" * 1000, allow_redirects=False
                ) as response:
                    await response.read()
                    assert response.status == status, path
            assert len(connections) == 1

    run(scenario())


def test_environment_is_read_strictly() -> None:
    assert from_env({"VERSION": "1.6.8"}) == Settings("1.6.8")
    for wrong in ({}, {"VERSION": "-x"}, {"VERSION": "1", "FAULT": "odd"}, {"VERSION": "1", "PORT": "x"}):
        with pytest.raises(ValueError, match=r"VERSION|FAULT|invalid"):
            from_env(wrong)


def test_service_key_never_shows(service_key: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, "1.6.8") as stage, browser() as http:
            stage.sessions.status = 500
            async with http.post(stage.backends["1.6.8"] + "/login", data={"user": "Ada"}) as response:
                assert SERVICE_KEY not in await response.text()

    run(scenario())
    assert SERVICE_KEY not in caplog.text


def test_a_bad_token_is_nobody_whoever_has_logged_in_before(service_key: Path) -> None:
    """What is asked of the session API for one request brings along nothing of another's."""

    async def scenario() -> None:
        async with stage_of(service_key, "1.6.8") as stage, browser() as http:
            base = stage.backends["1.6.8"]
            async with http.post(base + "/login", data={"user": "Ada"}, headers=GREEN, allow_redirects=False):
                pass
            for bad in ("Bearer garbage", "Bearer"):
                async with http.get(base + "/api/whoami", headers={"Authorization": bad}) as response:
                    assert (await response.json())["user"] is None
            assert stage.sessions.asked == ["token", "session"]
            assert stage.sessions.cookies == [], "the app sends the session API nobody's cookies"

    run(scenario())
