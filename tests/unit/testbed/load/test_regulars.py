"""The regulars: who is kept through a release, and what shows that somebody is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from testbed.load import Tally, regulars
from tests.unit.testbed.support.play import NEW, OLD, Play, playing, run, until
from tests.unit.testbed.support.stage import unsigned

ALL = 3 * 4  # of each kind


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regulars, "EVERY", 0.02)
    monkeypatch.setattr(regulars, "APP_ASKS_AGAIN", 0.02)


async def answered(play: Play, version: str) -> None:
    """Everybody has been, and some have come twice."""
    await play.load.regulars.call(everyone=True)
    enough = play.load.tally().answers.get(version, 0) + ALL
    await until(lambda: play.load.tally().answers.get(version, 0) >= enough)


def lost(tally: Tally) -> set[str]:
    """The habits of those who met a fault."""
    return {failure.user.split("-")[0] for failure in tally.failures}


@pytest.mark.threat(64)
def test_64_all_are_kept_through_a_release(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {}) as play:
            await play.load.regulars.arrive(4)
            play.release()
            await answered(play, OLD)
            play.retire()
            await answered(play, NEW)
            final = await play.load.stop()
        assert final.clean and (final.kept, final.regulars) == (ALL, ALL), final.failures
        assert final.moved == ALL

    run(scenario())


@pytest.mark.threat(64)
def test_64_who_goes_home_to_the_version_of_the_token_is_not_kept(service_key: Path) -> None:
    """This proxy goes by the token's version alone, and that one is released again."""

    async def scenario() -> None:
        async with playing(service_key, {}) as play:
            await play.load.regulars.arrive(4)
            backend = play.proxy.backends[OLD]
            play.release()
            play.retire()
            await answered(play, NEW)
            play.load.set_served({OLD, NEW})
            play.proxy.backends[OLD] = backend
            await play.load.regulars.call(everyone=True)
            final = await play.load.stop()
        assert (final.kept, final.regulars) == (4 + 2, ALL)
        assert lost(final) == {"bearer", "forgetful"}, "who has a pin is held by that"
        assert final.flipped >= ALL - final.kept and not final.clean
        assert final.failures[0].what == f"flipped: {NEW} was answered by {OLD}"

    run(scenario())


def test_who_is_held_by_the_pin_alone_is_not_kept_without_it(service_key: Path) -> None:
    """Half of the silent come without theirs."""

    async def scenario() -> None:
        async with playing(service_key, {}) as play:
            await play.load.regulars.arrive(4)
            play.load.regulars.hush()

            async def by_the_pin(request: web.Request, version: str) -> str | None:
                return OLD if "bg_pin" in request.cookies else NEW

            play.load.set_served({OLD, NEW})
            play.proxy.trick = by_the_pin
            await play.load.regulars.call(everyone=False)
            final = await play.load.stop()
        assert lost(final) == {"forgetful"}
        assert final.kept == ALL - 2

    run(scenario())


@pytest.mark.parametrize("user", [None, "Mallory"])
def test_a_session_that_is_lost_is_not_kept(service_key: Path, user: str | None) -> None:
    async def scenario() -> None:
        async with playing(service_key, {}) as play:
            await play.load.regulars.arrive(1)

            async def forget(request: web.Request, version: str) -> web.Response:
                answer = {"version": OLD, "slot": "blue", "user": user}
                return web.json_response(answer, headers={"X-Deployment-Version": OLD})

            play.proxy.trick = forget
            await play.load.regulars.call(everyone=True)
            final = await play.load.stop()
        assert (final.kept, final.regulars) == (1, 3), "a visitor has no name"
        assert {one.what for one in final.failures} == {"the session is lost"}

    run(scenario())


def test_an_app_that_could_not_ask_once_is_no_loss(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {}) as play:
            await play.load.regulars.arrive(1)
            play.load.regulars.hush()
            asked: set[str] = set()

            async def forget_once(request: web.Request, version: str) -> web.Response | None:
                who = request.headers.get("Authorization", "") + request.cookies.get("bg_session", "")
                if who in asked:
                    return None
                asked.add(who)
                answer = {"version": OLD, "slot": "blue", "user": None}
                return web.json_response(answer, headers={"X-Deployment-Version": OLD})

            play.proxy.trick = forget_once
            await play.load.regulars.call(everyone=True)
            final = await play.load.stop()
        assert final.clean and final.kept == 3, final.failures

    run(scenario())


def test_a_visitor_who_gets_another_pin_is_not_kept(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {}) as play:
            await play.load.regulars.arrive(1)
            play.load.regulars.hush()

            async def newcomer(request: web.Request, version: str) -> web.Response | None:
                if "bg_session" in request.cookies or "Authorization" in request.headers:
                    return None
                pin = unsigned({"sid": "another", "version": OLD})
                answer = {"version": OLD, "slot": "blue", "user": None}
                headers = {"X-Deployment-Version": OLD, "Set-Cookie": f"bg_pin={pin}; Path=/"}
                return web.json_response(answer, headers=headers)

            play.proxy.trick = newcomer
            await play.load.regulars.call(everyone=True)
            final = await play.load.stop()
        assert final.kept == 2
        assert [one.what for one in final.failures] == ["taken for a newcomer"]

    run(scenario())


def test_nobody_comes_between_hush_and_resume(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {}) as play:
            await play.load.regulars.arrive(2)
            await until(lambda: play.load.tally().requests > 40)
            play.load.regulars.hush()
            await play.load.regulars.call(everyone=False)  # a round trip: what was under way has ended
            before = play.load.tally().requests
            await play.load.regulars.call(everyone=False)
            assert play.load.tally().requests <= before + 2 + 4
            play.load.regulars.resume()
            await until(lambda: play.load.tally().requests > before + 20)
            final = await play.load.stop()
        assert final.clean and final.kept == 6, final.failures

    run(scenario())


def test_the_silent_are_called_when_they_have_been_silent_for_long_enough(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {}) as play:
            assert play.load.regulars.silence_left() == 0, "there is nobody"
            play.load.regulars.silence = 60.0
            await play.load.regulars.arrive(2)
            assert 50 < play.load.regulars.silence_left() <= 60

    run(scenario())
