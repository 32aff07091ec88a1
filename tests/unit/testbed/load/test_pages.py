"""The load's judgement, page by page: what an open page gets, what a navigation may do, and two tabs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from testbed.load import user
from testbed.load.judgement import Navigation, Page, Session, Verdict
from testbed.load.serving import Asked, Place, Serving
from tests.unit.testbed.support.play import NEW, OLD, Play, playing, run, until

pytestmark = pytest.mark.whole

NEXT = "1.6.9"
RIGHT, MOVED, MIGRATED, FLIPPED = Verdict.RIGHT, Verdict.MOVED, Verdict.MIGRATED, Verdict.FLIPPED
BOTH = {OLD, NEW}


def may(session: Session) -> Navigation:
    return Navigation(session, lambda: "navigation")


def may_not(session: Session) -> Navigation:
    return Navigation(session, lambda: "never")


@pytest.fixture
def short_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user, "STAY", (2, 6))


def referers(request: web.Request, play: Play) -> str:
    """The path of the page, stylesheet or module that asked."""
    return request.headers.get("Referer", "").removeprefix(play.stage.url)


def at(version: str) -> Session:
    return Session(Place(version), version)


def gone(*order: str, settled: bool = True) -> Asked:
    """A request that begins when each of these versions was taken out for the next one."""
    serving = Serving()
    for old, new in pairwise(order):
        serving.change({old, new})
        serving.change({new})
    if settled:
        serving.settle()
    return serving.asks()


def both() -> Asked:
    return Serving({OLD, NEW}).asks()


@pytest.mark.parametrize(
    ("answered", "asked", "verdict"),
    [
        (OLD, both(), RIGHT),
        (NEW, both(), FLIPPED),
        (NEW, gone(OLD, NEW), MOVED),
        (OLD, gone(OLD, NEW), FLIPPED),
        (OLD, gone(OLD, NEW, settled=False), RIGHT),
        (NEW, gone(OLD, NEW, settled=False), MOVED),
        (NEXT, gone(OLD, NEW, NEXT), MOVED),
        (NEW, gone(OLD, NEW, NEXT), FLIPPED),
    ],
)
def test_an_open_page_is_answered_by_its_version(answered: str, asked: Asked, verdict: Verdict) -> None:
    page = Page("/", Place(OLD), at(OLD))
    assert page.judge(answered, asked) is verdict
    assert page.version == (answered if verdict is MOVED else OLD)


def test_an_old_page_keeps_its_version_after_its_session_has_migrated() -> None:
    session, serving = at(OLD), Serving(BOTH)
    page = Page("/log", Place(OLD), session)
    assert may(session).judge(NEW, serving.asks()) is MIGRATED
    assert (page.judge(OLD, serving.asks()), page.judge(NEW, serving.asks())) == (RIGHT, FLIPPED)
    serving.change({NEW})
    assert page.judge(NEW, serving.asks()) is RIGHT, "the old version is gone: no second move of this session"
    assert page.version == NEW
    serving.change(BOTH)
    assert (page.judge(NEW, serving.asks()), page.judge(OLD, serving.asks())) == (RIGHT, FLIPPED)


def test_only_a_navigation_migrates_and_only_if_it_may() -> None:
    session, asked = at(OLD), both()
    assert session.judge(NEW, asked) is FLIPPED
    assert may_not(session).judge(NEW, asked) is FLIPPED
    assert may(session).judge("0.0.0", asked) is FLIPPED, "nobody serves that"
    assert (session.version, session.migrated) == (OLD, False)
    assert may(session).judge(NEW, asked) is MIGRATED
    assert (session.version, session.migrated) == (NEW, True)


def test_whoever_has_migrated_never_goes_back_while_the_new_version_is_served() -> None:
    session, asked = at(OLD), both()
    may(session).judge(NEW, asked)
    for judge in (session, may(session), may_not(session)):
        assert judge.judge(OLD, asked) is FLIPPED
    assert session.judge(NEW, asked) is RIGHT, "the pin outranks the token"


def test_whoever_has_migrated_goes_back_when_the_new_version_is_rolled_back() -> None:
    session, serving = at(OLD), Serving(BOTH)
    may(session).judge(NEW, serving.asks())
    serving.change({OLD})
    assert session.judge(OLD, serving.asks()) is MOVED
    serving.change(BOTH)
    assert session.judge(NEW, serving.asks()) is FLIPPED, "released again: it stays until a navigation"
    assert may(session).judge(NEW, serving.asks()) is MIGRATED


@pytest.mark.threat(64)
def test_64_a_session_is_where_it_was_left_however_many_releases_ago() -> None:
    """Silent through two releases, it has one place; and its first version may come again without it."""
    silent, serving = at(OLD), Serving({OLD})
    for one, other in ((OLD, NEW), (NEW, NEXT)):
        serving.change({one, other})
        assert silent.judge(other, serving.asks()) is FLIPPED
        serving.change({other})
    serving.change({NEXT, OLD})
    assert silent.judge(OLD, serving.asks()) is FLIPPED, "it is not the one on which it has logged in"
    assert silent.owner(serving.asks()) == NEXT
    assert silent.judge(NEXT, serving.asks()) is MOVED
    assert silent.judge(OLD, serving.asks()) is FLIPPED


@pytest.mark.threat(65)
def test_65_a_version_that_was_rolled_back_comes_again_without_its_sessions() -> None:
    visitor, serving = Session(), Serving(BOTH)
    assert visitor.judge(NEW, serving.asks()) is RIGHT, "a newcomer takes what it gets"
    serving.change({OLD})
    serving.change(BOTH)
    assert visitor.judge(NEW, serving.asks()) is FLIPPED, "also if it has not been here meanwhile"
    assert visitor.judge(OLD, serving.asks()) is MOVED


def test_while_an_end_is_not_settled_either_version_may_answer_and_then_only_one() -> None:
    session, newcomer, serving = at(OLD), Session(), Serving(BOTH)
    serving.change({NEW})
    early = serving.asks()
    assert session.judge(OLD, early) is RIGHT
    assert newcomer.judge(OLD, early) is RIGHT
    serving.settle()
    assert session.judge(OLD, early) is RIGHT, "it began before"
    assert session.judge(OLD, serving.asks()) is FLIPPED
    for one in (session, newcomer):
        assert one.judge(NEW, serving.asks()) is MOVED
        assert one.judge(OLD, early) is FLIPPED, "it has been seen where it went"


def test_a_newcomer_is_answered_by_what_is_served() -> None:
    assert Session().judge(NEXT, both()) is FLIPPED
    assert Session().judge(OLD, gone(OLD, NEW)) is FLIPPED


def test_who_takes_over_must_be_plain() -> None:
    with pytest.raises(ValueError, match="who takes over"):
        Serving({OLD, NEW, NEXT}).change({NEW, NEXT})


def test_a_session_migrates_again_in_the_next_release_and_an_old_version_may_come_again() -> None:
    session, serving = at(OLD), Serving(BOTH)
    assert may(session).judge(NEW, serving.asks()) is MIGRATED
    serving.change({NEW})
    assert session.judge(NEW, serving.asks()) is RIGHT
    serving.change({NEW, NEXT})
    assert may(session).judge(NEXT, serving.asks()) is MIGRATED
    assert may(session).judge(NEW, serving.asks()) is FLIPPED
    serving.change({NEXT})
    assert session.judge(NEXT, serving.asks()) is RIGHT
    serving.change({NEXT, OLD})
    assert session.judge(NEXT, serving.asks()) is RIGHT
    assert may_not(session).judge(OLD, serving.asks()) is FLIPPED
    assert may(session).judge(OLD, serving.asks()) is MIGRATED


def test_a_navigation_that_began_before_another_tab_migrated_may_be_answered_late() -> None:
    session, asked = at(OLD), both()
    early = may(session)
    assert may(session).judge(NEW, asked) is MIGRATED
    assert early.judge(OLD, asked) is RIGHT
    assert (session.version, may(session).judge(OLD, asked)) == (NEW, FLIPPED)


def test_navigations_migrate_everyone_who_browses_and_nothing_flips(
    service_key: Path, short_stays: None
) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"cookie": 3, "anonymous": 3, "tabs": 3, "bearer": 2}) as play:
            await until(lambda: play.load.tally().pages.get(OLD) == 12)
            play.migrate()
            await until(lambda: play.load.tally().sessions == {NEW: 9, OLD: 2})
            await until(lambda: play.load.tally().pages == {NEW: 12})
            await play.requests(100)
            final = await play.load.stop()
        assert final.clean and (final.moved, final.overtaken) == (0, 0), final.failures
        assert (final.migrated, final.views_to_migrate) == (9, 1)

    run(scenario())


def test_a_migration_that_was_not_allowed_is_a_flip(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"cookie": 2}) as play:
            await until(lambda: play.load.tally().pages.get(OLD) == 2)
            play.release()
            play.proxy.migrate = True
            await until(lambda: play.load.tally().flipped)
            final = await play.load.stop()
        assert final.migrated == 0 and not final.clean

    run(scenario())


def test_a_migration_that_needs_several_page_views_is_told(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"cookie": 1}) as play:
            await until(lambda: play.load.users[0].logged_in)
            asked, go_on, documents = asyncio.Event(), asyncio.Event(), 0

            async def dawdle(request: web.Request, version: str) -> None:
                nonlocal documents
                if request.headers["Sec-Fetch-Dest"] == "document":
                    documents += 1
                    play.proxy.migrate = documents > 2  # the fourth is the first that migrates
                    asked.set()
                    await go_on.wait()

            play.proxy.trick = dawdle
            await asked.wait()
            play.migrate()  # the first had begun before: it does not count
            play.proxy.migrate = False
            go_on.set()
            await until(lambda: play.load.tally().migrated)
            final = await play.load.stop()
        assert (final.migrated, final.views_to_migrate, final.flipped) == (1, 3, 0), final.failures

    run(scenario())


Wrong = Callable[[web.Request, Play], bool]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda request, play: request.path.endswith(".svg") and referers(request, play) == "/log",
        lambda request, play: request.path.endswith(".svg") and referers(request, play).endswith(".css"),
        lambda request, play: request.path.endswith(".js") and referers(request, play).endswith(".js"),
        lambda request, play: request.path == "/api/log",
        lambda request, play: request.method == "POST" and referers(request, play) == "/log",
    ],
    ids=["asset", "image of a stylesheet", "import of a module", "API call", "note"],
)
def test_what_the_second_tab_alone_gets_of_another_version_is_a_flip(
    service_key: Path, short_stays: None, wrong: Wrong
) -> None:
    """The session has migrated, and the tab that still shows the old page is answered by the new version."""

    async def scenario() -> None:
        async with playing(service_key, {"tabs": 2}) as play:
            await until(lambda: play.load.tally().pages.get(OLD) == 4)
            flips = 0

            async def misroute(request: web.Request, version: str) -> str | None:
                nonlocal flips
                if version != OLD or not wrong(request, play):
                    return None
                flips += 1
                return NEW

            play.proxy.trick = misroute
            play.load.set_served({OLD, NEW})
            await until(lambda: flips >= 2)
            final = await play.load.stop()
        assert final.flipped == flips and final.moved == 0, final.failures
        assert all(one.what.startswith("flipped") or one.what == "404" for one in final.failures)

    run(scenario())


def test_an_old_tab_that_is_answered_by_the_new_version_after_the_other_has_migrated_is_a_flip(
    service_key: Path,
) -> None:
    """A proxy that goes by the session alone, while the second tab still shows the old page.

    Several people: of one, both tabs may go on to another page before either asks for anything.
    """

    async def scenario() -> None:
        async with playing(service_key, {"tabs": 6}) as play:
            await until(lambda: play.load.tally().pages.get(OLD) == 12)

            async def forget_pages(request: web.Request, version: str) -> str | None:
                migrated = play.load.tally().migrated
                return NEW if migrated and request.headers.get("Sec-Fetch-Dest") == "empty" else None

            play.migrate()
            play.proxy.trick = forget_pages
            await until(lambda: play.load.tally().flipped)
            final = await play.load.stop()
        assert {failure.path for failure in final.failures} & {"/api/log", "/api/whoami", "/api/notes"}

    run(scenario())


@pytest.mark.parametrize("kind", ["cookie", "anonymous", "tabs"])
def test_a_migrated_session_that_is_sent_back_is_a_flip(
    service_key: Path, short_stays: None, kind: str
) -> None:
    async def scenario() -> None:
        async with playing(service_key, {kind: 2}) as play:
            await until(lambda: play.load.tally().pages.get(OLD, 0) >= 2)
            play.migrate()
            await until(lambda: play.load.tally().pages.keys() == {NEW})
            sent_back = 0

            async def send_back(request: web.Request, version: str) -> str | None:
                nonlocal sent_back
                if request.headers.get("Sec-Fetch-Mode") != "navigate" or request.method != "GET":
                    return None
                sent_back += 1
                return OLD

            play.proxy.trick = send_back
            await until(lambda: sent_back >= 2)
            final = await play.load.stop()
        assert final.flipped >= sent_back, final.failures
        assert final.migrated == 2

    run(scenario())


def test_users_leave_one_by_one_and_do_not_come_back(service_key: Path, short_stays: None) -> None:
    async def scenario() -> None:
        kinds = {"cookie": 2, "bearer": 2, "anonymous": 2, "tabs": 2, "websocket": 2}
        async with playing(service_key, kinds) as play:
            everyone = play.load.users
            await until(lambda: sum(one.logged_in for one in everyone) == 7)
            await until(lambda: play.load.tally().sessions == {OLD: 10})
            play.release()
            play.load.spawn("cookie", 2)
            await until(lambda: play.load.tally().sessions == {OLD: 10, NEW: 2})
            await play.load.leave(OLD, 0.02)
            assert play.load.tally().sessions == {NEW: 2} and len(play.load.users) == 2
            assert play.stage.sessions.asked.count("logout") == 7
            await play.requests(20)
            final = await play.load.stop()
        assert final.clean, final.failures

    run(scenario())


def test_users_of_one_kind_leave_and_come_back_on_the_new_version(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"cookie": 2, "bearer": 3}) as play:
            await until(lambda: play.load.tally().sessions == {OLD: 5})
            play.release()
            await play.load.leave(OLD, 0.01, kind="bearer", come_back=True)
            await until(lambda: play.load.tally().sessions == {OLD: 2, NEW: 3})
            final = await play.load.stop()
        assert final.clean, final.failures

    run(scenario())


def test_the_end_of_the_load_ends_a_departure(service_key: Path) -> None:
    async def scenario() -> None:
        async with playing(service_key, {"cookie": 2}) as play:
            await until(lambda: play.load.tally().sessions == {OLD: 2})
            departure = play.load.leave(OLD, 3600)
            await play.load.stop()
            with pytest.raises(asyncio.CancelledError):
                await departure

    run(scenario())
