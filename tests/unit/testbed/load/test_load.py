"""The load generator sees what goes wrong, counts it once, and sees nothing where nothing is wrong."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from testbed.load import KINDS, Ledger, Load, LoadError, LoadProcess, Tally, tally, websocket
from testbed.load.tally import Recorder
from tests.unit.testbed.support.play import NEW, OLD, playing, run, until
from tests.unit.testbed.support.stage import Stage, stage_of

pytestmark = pytest.mark.whole


def test_a_release_without_fault_is_clean(service_key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "LIFE", (0.0, 0.1))

    async def scenario() -> None:
        async with playing(service_key, dict.fromkeys(KINDS, 3)) as play:
            await play.requests(100)
            play.release()
            play.load.spawn("cookie", 3)
            await play.requests(100)
            await until(lambda: play.load.tally().websockets_opened > 6)
            now = play.load.tally()
            assert set(now.answers) == {OLD, NEW} and now.sessions[NEW] >= 3
            assert now.moved == 0, "nobody's version was retired"
            final = await play.load.stop()
        assert final.clean and final.failures == [], final.failures
        assert final.requests == sum(final.answers.values()), "each request is counted once"

    run(scenario())


def test_users_log_out_and_come_back_on_the_new_version(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"cookie": 3, "bearer": 3, "websocket": 2}) as play:
            await until(lambda: sum(one.logged_in for one in play.load.users) == 7)
            play.release()
            assert await play.load.log_out(lambda one: one.logged_in and one.version == OLD, limit=2) == 2
            assert await play.load.log_out(lambda one: one.logged_in and one.version == OLD) == 5
            await until(lambda: sum(one.logged_in and one.version == NEW for one in play.load.users) == 7)
            assert play.stage.sessions.asked.count("logout") == 7
            final = await play.load.stop()
        assert final.clean and final.moved == 0, final.failures

    run(scenario())


def test_sessions_of_a_retired_version_move_and_are_not_flipped(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"cookie": 3, "bearer": 3, "anonymous": 3}) as play:
            await play.requests(100)
            play.release()
            play.retire()
            await until(lambda: play.load.tally().sessions.get(NEW) == 9)
            await play.requests(100)
            final = await play.load.stop()
        assert final.clean and final.moved == 9, final.failures
        assert final.requests == sum(final.answers.values()) + final.overtaken

    run(scenario())


def test_a_version_retired_while_a_request_is_under_way_is_no_flip(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"anonymous": 1}) as play:
            await play.requests(10)
            play.release()

            async def retire_now(request: web.Request, version: str) -> str | None:
                if OLD in play.proxy.backends:
                    play.retire()
                    return NEW
                return None

            play.proxy.trick = retire_now
            await play.requests(20)
            final = await play.load.stop()
        assert (final.flipped, final.moved, final.failed) == (0, 1, 0), final.failures

    run(scenario())


@pytest.mark.parametrize("header_lies", [False, True])
@pytest.mark.parametrize("kind", ["cookie", "bearer", "anonymous"])
def test_an_answer_by_another_version_is_a_flip(service_key: Path, kind: str, header_lies: bool) -> None:
    """Also when only the app's own words show it, because the proxy names the right version."""

    async def scenario() -> None:
        async with playing(service_key, {kind: 3}) as play:
            play.load.set_served({OLD, NEW})
            flips = 0

            async def misroute(request: web.Request, version: str) -> web.Response | str | None:
                nonlocal flips
                if request.path != "/api/whoami":
                    return None
                flips += 1
                if not header_lies:
                    return NEW
                answer = {"version": NEW, "slot": "green", "user": None}
                return web.json_response(answer, headers={"X-Deployment-Version": OLD})

            play.proxy.trick = misroute
            await until(lambda: flips >= 3)
            final = await play.load.stop()
        assert (final.flipped, final.failed, final.moved) == (flips, 0, 0), final.failures
        assert all(failure.what.startswith("flipped: 1.6.7 was answered by") for failure in final.failures)

    run(scenario())


def test_an_asset_of_another_version_is_a_failure(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"anonymous": 2}) as play:
            play.load.set_served({OLD, NEW})

            async def misroute(request: web.Request, version: str) -> str | None:
                return NEW if request.path.startswith("/assets/") else None

            play.proxy.trick = misroute
            await until(lambda: play.load.tally().failed >= 3)
            final = await play.load.stop()
        assert final.failed == final.flipped >= 3
        assert {failure.what for failure in final.failures if failure.what.isdigit()} == {"404"}

    run(scenario())


@pytest.mark.parametrize("status", [400, 403, 404, 500, 502, 503, 504])
def test_a_bad_status_is_a_failure_and_kept_for_the_report(service_key: Path, status: int) -> None:
    async def scenario() -> None:
        async with playing(service_key, dict.fromkeys(KINDS, 2)) as play:
            refused = 0

            async def refuse(request: web.Request, version: str) -> web.Response:
                nonlocal refused
                refused += 1
                return web.Response(status=status)

            await play.requests(50)
            play.proxy.trick = refuse
            await until(lambda: refused >= 30)
            final = await play.load.stop()
        assert final.failed == refused and final.flipped == 0
        assert len(final.failures) == tally.KEPT
        assert {failure.what for failure in final.failures} <= {str(status), f"handshake: {status}"}

    run(scenario())


def test_a_dropped_connection_is_a_failure(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"cookie": 2}) as play:
            await play.requests(20)
            dropped = 0

            async def drop(request: web.Request, version: str) -> None:
                nonlocal dropped
                if request.method == "POST":
                    dropped += 1
                    assert request.transport is not None
                    request.transport.abort()

            play.proxy.trick = drop
            await until(lambda: dropped >= 2)
            final = await play.load.stop()
        # On a connection that was used before, one is sent again; a new one that drops it too is a failure.
        assert final.failed > 0
        assert final.failed + final.resent == dropped
        assert all(failure.method == "POST" for failure in final.failures)

    run(scenario())


def test_nobody_listening_is_a_failure_and_no_tight_loop(service_key: Path) -> None:
    async def scenario() -> None:
        async with stage_of(service_key, OLD) as stage:
            nowhere = stage.url
        load = Load(nowhere, served={OLD})
        await load.start()
        load.spawn("websocket", 2)
        await until(lambda: load.tally().failed >= 2)
        final = await load.stop()
        assert final.failed == final.requests <= 6

    run(scenario())


@pytest.mark.parametrize("code", [1000, 1001, 1012, 0])
def test_a_websocket_that_ends_but_not_by_us_is_cut(service_key: Path, code: int) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"websocket": 4}) as play:
            await until(lambda: play.load.tally().websockets_opened == 4 and len(play.proxy.sockets) == 4)
            for socket in list(play.proxy.sockets):
                if code:
                    await socket.close(code=code)
                else:
                    assert socket._req is not None and socket._req.transport is not None
                    socket._req.transport.abort()
            await until(lambda: play.load.tally().websockets_cut == 4)
            final = await play.load.stop()
        assert final.close_codes == {str(code or 1006): 4} and final.failed == 0

    run(scenario())


def test_an_event_stream_that_breaks_off_is_cut_and_asked_for_again(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"events": 4}) as play:
            await until(lambda: len(play.proxy.streams) == 4)
            for request in list(play.proxy.streams):
                assert request.transport is not None
                request.transport.abort()
            await until(lambda: play.load.tally().streams_opened >= 8)
            final = await play.load.stop()
        assert (final.streams_cut, final.streams_renewed, final.failed) == (4, 0, 0), final.failures
        assert not final.clean

    run(scenario())


def test_a_ledger_adds_up_what_all_processes_have_seen(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"upload": 2, "anonymous": 4}) as play:
            await until(lambda: play.load.tally().uploads >= 2)
            await play.load.stop()
            posts = play.load.posts
            ledger = Ledger()
            for slot, version in (("blue", OLD), ("green", NEW), ("gone", OLD)):
                base = "http://127.0.0.1:1" if slot == "gone" else play.stage.backends[version]
                await asyncio.to_thread(ledger.read, base, slot)
            assert (ledger.doubled(), ledger.lost(posts)) == ([], [])
            key = next(key for key, answered in posts.items() if answered)
            async with ClientSession() as http:
                note, headers = {"text": "again"}, {"Idempotency-Key": key}
                url = play.stage.backends[NEW] + "/api/notes"
                await (await http.post(url, json=note, headers=headers)).read()
            await asyncio.to_thread(ledger.read, play.stage.backends[NEW], "green")
            assert ledger.doubled() == [key]
            assert ledger.lost({"never-arrived": True, "failed": False}) == ["never-arrived"]

    run(scenario())


def test_a_post_that_arrives_twice_is_seen(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"anonymous": 2}) as play:
            doubled = 0

            async def twice(request: web.Request, version: str) -> None:
                nonlocal doubled
                if request.method == "POST":
                    doubled += 1
                    url = play.proxy.backends[version] + request.path
                    body, headers = await request.read(), dict(request.headers)
                    async with play.proxy.http.post(url, data=body, headers=headers) as response:
                        assert response.status == 201

            play.proxy.trick = twice
            await until(lambda: doubled >= 2)
            final = await play.load.stop()
        assert final.doubled_posts == doubled and final.failed == 0
        assert not final.clean

    run(scenario())


def test_another_users_session_is_a_failure(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"cookie": 1}) as play:

            async def mix_up(request: web.Request, version: str) -> web.Response | None:
                if request.path != "/api/whoami":
                    return None
                answer = {"version": OLD, "slot": "blue", "user": "Mallory"}
                return web.json_response(answer, headers={"X-Deployment-Version": OLD})

            play.proxy.trick = mix_up
            await until(lambda: play.load.tally().failed)
            final = await play.load.stop()
        assert final.failures[0].what == "somebody else's session"

    run(scenario())


def test_a_silence_is_a_gap(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, dict.fromkeys(KINDS, 2)) as play:
            await play.requests(50)
            gate = asyncio.Event()

            async def hold(request: web.Request, version: str) -> None:
                await gate.wait()

            play.proxy.trick = hold
            await asyncio.sleep(0.6)  # the length of the silence, and no synchroniser
            gate.set()
            await play.requests(50)
            final = await play.load.stop()
        assert final.max_gap_ms >= 400 and final.max_gap_at
        assert final.failed == 0

    run(scenario())


def test_gap_is_the_longest_time_between_successes_and_ends_with_the_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    recorder = Recorder()
    recorder.begin()
    now = 130.0  # before the first success there is nothing to lose
    for moment in (130.0, 130.1, 130.6, 130.7):
        now = moment
        recorder.success(OLD)
    assert recorder.tally({}, {}).max_gap_ms == 500
    now = 132.0
    assert recorder.tally({}, {}).max_gap_ms == 1300, "a silence that still lasts counts"
    recorder.end()
    now = 200.0
    recorder.success(OLD)
    assert recorder.tally({}, {}).max_gap_ms == 1300 and recorder.tally({}, {}).seconds == 32


def test_tally_survives_json() -> None:
    recorder = Recorder()
    recorder.note("cookie-001", "GET", "/", "502")
    before = recorder.tally({OLD: 3}, {OLD: 4})
    assert Tally.from_dict(before.as_dict()) == before


def test_a_kind_that_does_not_exist_is_refused(service_key: Path) -> None:
    with pytest.raises(ValueError, match="no such kind"):
        Load("http://unused", served=set()).spawn("robot")  # type: ignore[arg-type]


def test_process_obeys_and_reports(service_key: Path) -> None:
    def story(stage: Stage) -> None:
        with LoadProcess(stage.url, served={OLD}, rate=200) as load:
            for kind in KINDS:
                load.spawn(kind, 2)
            while load.snapshot().requests < 50:
                pass
            load.set_rate(300)
            load.set_served({OLD, NEW})
            stage.proxy.current = NEW
            while load.log_out(version=OLD, limit=1):
                pass
            while load.snapshot().sessions.get(NEW, 0) < 5:
                pass
            with pytest.raises(LoadError, match="no such kind"):
                load.spawn("robot")  # type: ignore[arg-type]
            final = load.stop()
            assert final.clean and final.moved == 0, final.failures
            with pytest.raises(LoadError, match="not running"):
                load.snapshot()

    async def scenario() -> None:
        async with stage_of(service_key, OLD, NEW) as stage:
            await asyncio.to_thread(story, stage)

    run(scenario())


def test_process_migrates_and_leaves(service_key: Path) -> None:
    def story(stage: Stage) -> None:
        with LoadProcess(stage.url, served={OLD}, rate=200) as load:
            load.spawn("cookie", 2)
            load.spawn("bearer", 2)
            while load.snapshot().sessions.get(OLD, 0) < 4:
                pass
            load.set_served({OLD, NEW})
            load.set_migrate("navigation")
            load.set_draining(OLD)
            stage.proxy.current, stage.proxy.migrate = NEW, True
            load.leave(OLD, 0.01, kind="bearer")
            while load.snapshot().sessions != {NEW: 2}:
                pass
            load.set_draining(None)
            load.set_migrate("never")
            final = load.stop()
            assert final.clean and final.migrated == 2, final.failures
            assert final.pages == {NEW: 2}

    async def scenario() -> None:
        async with stage_of(service_key, OLD, NEW) as stage:
            await asyncio.to_thread(story, stage)

    run(scenario())


def test_process_that_dies_is_reported() -> None:
    with LoadProcess("http://127.0.0.1:1", served=set()) as load:
        assert load._child is not None
        load._child.kill()
        with pytest.raises(LoadError, match="ended with code -9"):
            load.snapshot()
