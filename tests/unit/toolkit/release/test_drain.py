"""What a drain waits for, until when, what it says meanwhile, and what it does then."""

import fcntl
import itertools
import os
import pty
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import BGCTL, CANDIDATE, DRAIN, GREEN, NONE, OUT, READY, World
from toolkit.clients.session_api import Forecast
from toolkit.config import Drain
from toolkit.config.kinds import DurationOrOff
from toolkit.errors import NotYet, Refused
from toolkit.release import drain, promote
from toolkit.release.drain import Watch
from toolkit.release.forecast import words
from toolkit.release.remaining import DrainTerms, Remaining, remaining
from toolkit.state import transitions

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LONG_AGO = DrainTerms(deadline=3600)  # the worlds' switch was in January


def draining(world: World) -> None:
    world.put("draining", DRAIN, GREEN, "drain")


counts = st.none() | st.integers(0, 5)


# What is waited for


@pytest.mark.threat(54)
@given(counts, counts, counts, st.booleans())
def test_54_empty_is_known_to_be_empty(
    sessions: int | None, visitors: int | None, sockets: int | None, wait: bool
) -> None:
    left = Remaining("1.6.7", sessions, visitors, sockets, terms=DrainTerms(visitors=wait))
    awaited = [sessions, sockets] + ([visitors] if wait else [])
    assert left.empty is (awaited == [0] * len(awaited))
    assert left.unknown is (None in awaited)
    assert not (left.empty and left.unknown)
    assert left.total == (None if left.unknown else sum(awaited))  # type: ignore[arg-type]


@pytest.mark.threat(54)
def test_54_what_is_unknown_says_why(world: World) -> None:
    draining(world)
    project, _ = project_of(world)
    world.unknown = "proxy web1:8080 has not reported for 14 s"
    left = drain.look(project, DrainTerms())
    assert (left.sessions, left.visitors, left.websockets) == (None, None, 0)
    assert (
        str(left)
        == f"1.6.7 still has unknown sessions, unknown visitors, 0 requests, 0 WebSockets ({world.unknown})"
    )


@pytest.mark.threat(54)
def test_54_a_proxy_that_does_not_know_blue_is_no_zero(world: World) -> None:
    draining(world)
    world.control.answers["/status"] = (200, {"workers": [], "workersExpected": 2, "slots": {}})
    assert drain.look(project_of(world)[0], DrainTerms()).unknown


def test_a_flood_of_visitors_leaves_sessions_known(world: World) -> None:
    draining(world)
    world.unknown_visitors = "proxy web1:8080 saw more visitors than it could tell of"
    world.sessions = {"1.6.7": 2, "1.6.8": 1}
    left = drain.look(project_of(world)[0], DrainTerms())
    assert (left.sessions, left.visitors, left.unknown) == (2, None, True)
    assert str(left).endswith(
        f"2 sessions, unknown visitors, 0 requests, 0 WebSockets ({world.unknown_visitors})"
    )
    assert f"visitors are unknown: {world.unknown_visitors}" in world.bgctl("sessions").stdout
    world.sessions = {}
    assert not drain.look(project_of(world)[0], DrainTerms()).empty
    assert drain.look(project_of(world)[0], DrainTerms(visitors=False)).empty


def test_visitors_can_be_left_out(world: World) -> None:
    draining(world)
    world.visitors = {"1.6.7": 4}
    project, _ = project_of(world)
    assert not drain.look(project, DrainTerms()).empty
    assert drain.look(project, DrainTerms(visitors=False)).empty
    config = world.root / "bgctl.toml"
    config.write_text(config.read_text().replace("visitors = true", "visitors = false"))
    assert world.bgctl("drain").returncode == 0


def test_who_is_idle_for_longer_is_not_waited_for(world: World) -> None:
    draining(world)
    world.sessions, world.recent = {"1.6.7": 2}, {}
    done = world.bgctl("drain", "--idle-timeout", "10m")
    assert (done.returncode, done.stdout) == (
        0,
        "1.6.7 is empty: next: bgctl promote --idle-timeout 600s\n",
    )
    # and the seconds by which the proxy may be behind with who is active all the time
    assert "idle=610" in world.asked
    assert world.bgctl("drain", "--timeout", "1ms").returncode == 5


def test_promote_goes_by_what_a_drain_waits_for(world: World) -> None:
    """All that promote refuses, drain would wait for; and the other way round."""
    draining(world)
    project, _ = project_of(world)
    for sessions, visitors, sockets in itertools.product((0, 1), (0, 1), (0, 1)):
        world.sessions, world.visitors = {"1.6.7": sessions}, {"1.6.7": visitors}
        world.open["blue"] = (sockets, sockets)
        for terms in (DrainTerms(), DrainTerms(visitors=False), DrainTerms(idle=60), LONG_AGO):
            left = drain.look(project, terms)
            if left.empty or left.overdue:
                promote.check_empty(project, project.state(), terms)
            else:
                with pytest.raises(promote.NotEmpty):
                    promote.check_empty(project, project.state(), terms)


def test_terms_are_the_configurations_unless_given() -> None:
    usual = Drain(deadline=DurationOrOff(86400), idle_timeout=DurationOrOff(600), visitors=False)
    assert DrainTerms.of(usual) == DrainTerms(False, 86400, 600)
    assert DrainTerms.of(usual, deadline=0, idle=60) == DrainTerms(False, 0, 60)
    assert DrainTerms.of(usual).options(usual) == ""
    assert DrainTerms.of(usual, 0, 0.5).options(usual) == " --deadline off --idle-timeout 500ms"


# The deadline


SWITCHED = transitions.enable_green(
    transitions.candidate(transitions.adopt("1.6.7", NOON), "1.6.8", NOON), NOON + timedelta(minutes=1)
)


@pytest.mark.parametrize(
    "later",
    [
        lambda now: transitions.enable_green(SWITCHED, now),
        lambda now: transitions.drained(SWITCHED, now),
        lambda now: transitions.enable_green(transitions.drained(SWITCHED, now), now),
        lambda now: transitions.drained(transitions.drained(SWITCHED, now), now),
    ],
)
def test_the_deadline_counts_from_the_switch_whatever_was_noted_since(later) -> None:
    now = later(NOON + timedelta(hours=5))
    assert DrainTerms(deadline=3600).ends(now) == NOON + timedelta(hours=1, minutes=1)


def test_a_switch_back_and_forth_is_another_switch() -> None:
    again = NOON + timedelta(hours=5)
    now = transitions.enable_green(transitions.disable_green(SWITCHED, again), again)
    assert DrainTerms(deadline=3600).ends(now) == again + timedelta(hours=1)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01T00:00:00Z"])
def test_a_time_that_makes_no_sense_is_never_over(text: str) -> None:
    from msgspec.structs import replace

    assert DrainTerms(deadline=3600).ends(replace(SWITCHED, updated_at=text)) is None
    assert DrainTerms(deadline=1e12).ends(SWITCHED) is None
    assert DrainTerms().ends(SWITCHED) is None


def test_at_the_deadline_who_is_left_moves_on(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 3}
    done = world.bgctl("drain", "--deadline", "1h")
    assert (done.returncode, world.state["slots"]["blue"]) == (0, OUT)
    assert "the deadline is over: 1.6.7 still has 3 sessions" in done.stdout
    assert done.stdout.endswith("next: bgctl promote --deadline 3600s\n")
    assert (world.history[-1]["what"], world.history[-1]["outcome"]) == ("drain", "done")


def test_at_the_deadline_nobody_is_sent_to_a_green_that_is_not_healthy(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 3}
    world.serve(world.green, "0.0.0")
    done = world.bgctl("drain", "--deadline", "1h")
    assert (done.returncode, world.state["slots"]["blue"]) == (3, DRAIN)


def test_before_the_deadline_everyone_is_waited_for(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 3}
    done = world.bgctl("drain", "--deadline", "36500d", "--timeout", "1ms")
    assert (done.returncode, world.state["slots"]["blue"]) == (5, DRAIN)
    assert "at the latest at" in done.stdout


# What it does then


def test_yes_promotes(world: World) -> None:
    draining(world)
    project, _ = project_of(world)
    drain.run(project, Watch(DrainTerms()), yes=True)
    assert (world.state["phase"], world.state["slots"]["blue"]["version"]) == ("rest", "1.6.8")


def test_the_terms_reach_the_promotion(world: World) -> None:
    draining(world)
    world.sessions, world.recent = {"1.6.7": 2}, {}
    project, _ = project_of(world)
    with pytest.raises(promote.NotEmpty):
        promote.run(project)
    drain.run(project, Watch(DrainTerms(idle=600)), yes=True)
    assert world.state["phase"] == "rest"


@pytest.mark.parametrize("answer", [True, False])
def test_with_somebody_to_ask_it_asks(world: World, monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    draining(world)
    project, _ = project_of(world)
    asked: list[str] = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr(type(project.ui), "can_ask", True)
    monkeypatch.setattr(project.ui, "confirm", confirm)
    drain.run(project, Watch(DrainTerms()))
    assert asked == ["1.6.7 is empty. Promote 1.6.8 now?"]
    assert world.state["phase"] == ("rest" if answer else "draining")


def test_who_comes_back_before_the_promotion_is_waited_for(world: World) -> None:
    """Seen empty, then not when promote looks, then empty: promoted in the end, and nobody was moved."""
    draining(world)
    project, _ = project_of(world)
    looks = iter([{}, {"1.6.7": 1}, {"1.6.7": 1}, {}])
    answer = world._report

    def report() -> object:
        world.sessions = next(looks, {})
        return answer()

    world.api.answers["/api/deployment/active-sessions"] = report  # type: ignore[assignment]
    drain.run(project, Watch(DrainTerms(), interval=0.001), yes=True)
    assert next(looks, "all were used") == "all were used"
    assert world.state["phase"] == "rest"
    assert [line["outcome"] for line in world.history] == ["refused", "done"]


def test_the_lock_is_free_while_it_waits(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 2}
    command = [str(BGCTL), "--project", str(world.root), "drain", "--interval", "10ms"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    process.stdout.readline()
    assert world.bgctl("route", "disable-green").returncode == 0
    _, said = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "the release of 1.6.8 was taken back: another bgctl did that" in said


def test_a_promotion_by_another_ends_the_wait(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 2}
    project, _ = project_of(world)
    assert not drain.gone_on(project.state(), "1.6.8")
    world.put("promoting", OUT, GREEN, "retire-blue")
    assert drain.gone_on(project.state(), "1.6.8")
    world.put("rest", {**READY, "version": "1.6.8"}, NONE)
    assert drain.gone_on(project.state(), "1.6.8")
    world.put("rest", READY, NONE)
    assert not drain.gone_on(project.state(), "1.6.8")


@pytest.mark.threat(44)
def test_44_another_bgctl_is_waited_for_before_the_promotion(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    draining(world)
    project, _ = project_of(world)
    said: list[str] = []
    directory = os.open(world.root / "state" / "lock", os.O_RDWR | os.O_CREAT, 0o660)
    fcntl.flock(directory, fcntl.LOCK_EX)

    def progress(text: str) -> None:
        said.append(text)
        fcntl.flock(directory, fcntl.LOCK_UN)

    monkeypatch.setattr(project.ui, "progress", progress)
    drain.run(project, Watch(DrainTerms(), interval=0.001), yes=True)
    os.close(directory)
    assert "another bgctl is at work here" in said[0]
    assert world.state["phase"] == "rest"


def test_what_another_bgctl_has_taken_back_is_not_promoted(world: World) -> None:
    world.put("rest", READY, NONE)
    project, _ = project_of(world)
    with pytest.raises(Refused, match=r"moved on: 1\.6\.7 is what everyone has"):
        drain.finish(project, Watch(DrainTerms()), "1.6.8")
    world.put("rest", {**READY, "version": "1.6.8"}, NONE)
    drain.finish(project, Watch(DrainTerms()), "1.6.8")


def test_another_release_is_not_promoted_in_its_place(world: World) -> None:
    """Somebody took 1.6.9 back and released 1.6.8 while we were asked."""
    draining(world)
    project, _ = project_of(world)
    with pytest.raises(Refused, match=r"1\.6\.9 is not promoted: it is 1\.6\.8 that is released now"):
        drain.finish(project, Watch(DrainTerms()), "1.6.9")
    assert world.state["phase"] == "draining"


@pytest.mark.threat(54)
@pytest.mark.parametrize(
    ("feed", "why"),
    [
        ({"error": "no answer: status 502", "lastDelivery": None}, "no answer: status 502"),
        ({"error": None, "lastDelivery": 1.0, "queued": 3}, "nothing is delivered"),
        ({"error": None, "lastDelivery": None}, "nothing is delivered"),
    ],
)
def test_54_a_proxy_that_cannot_report_makes_the_count_unknown(
    world: World, feed: dict[str, object], why: str
) -> None:
    """Even if the session API has forgotten it by now, and counts what others report."""
    draining(world)
    world.sessions = {"1.6.7": 0}
    code, document = world._status()
    assert isinstance(document, dict)
    world.control.answers["/status"] = (code, {**document, "activity": feed})
    project, _ = project_of(world)
    left = remaining(project, project.state(), DrainTerms())
    assert left.unknown
    assert not left.empty
    assert why in str(left)


def test_it_gives_up_in_time(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 2}
    with pytest.raises(NotYet, match=r"not empty yet: 1\.6\.7 still has 2 sessions"):
        drain.run(project_of(world)[0], Watch(DrainTerms(), interval=0.001, timeout=0.01))


def test_another_release_is_not_settled(world: World) -> None:
    draining(world)
    project, _ = project_of(world)
    left = remaining(project, project.state(), DrainTerms())
    world.put("candidate", READY, CANDIDATE)
    with pytest.raises(Refused, match="moved on"):
        drain.settle(project, left)


# What it says meanwhile


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def clock(minutes: float) -> str:
    return f"{at(minutes).astimezone():%H:%M}"


@pytest.mark.parametrize(
    ("forecast", "ends", "said"),
    [
        (None, None, ""),
        (Forecast(), None, ""),
        (Forecast(likely=at(35)), None, f"likely empty at {clock(35)} (in 35 min)"),
        (
            Forecast(at(5), at(35), at(60)),
            None,
            f"likely empty at {clock(35)} (in 35 min), at the latest at {clock(60)} (in 1 h);"
            f" if nobody comes back, at {clock(5)}",
        ),
        (
            Forecast(at(5), at(35), at(60)),
            at(20),
            f"likely empty at {clock(20)} (in 20 min), at the latest at {clock(20)} (in 20 min);"
            f" if nobody comes back, at {clock(5)}",
        ),
        (Forecast(earliest=at(30)), at(20), f"at the latest at {clock(20)} (in 20 min)"),
        (Forecast(likely=at(-1)), None, f"likely empty at {clock(-1)} (now)"),
    ],
)
def test_the_forecast_in_words(forecast: Forecast | None, ends: datetime | None, said: str) -> None:
    assert words(forecast, ends, NOON) == said


def on_a_terminal(world: World, *argv: str, typed: str = "") -> tuple[int, str]:
    """Exit code and all that was seen."""
    master, slave = pty.openpty()
    command = [str(BGCTL), "--project", str(world.root), *argv]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    os.write(master, typed.encode())
    seen = b""
    try:
        while data := os.read(master, 4096):
            seen += data
    except OSError:  # the other side has closed it
        pass
    os.close(master)
    return process.wait(timeout=30), seen.decode()


def test_on_a_terminal_no_is_an_answer(world: World) -> None:
    draining(world)
    code, seen = on_a_terminal(world, "drain", typed="n\n")
    assert (code, world.state["deployment"]["step"]) == (0, "drained")
    assert "1.6.7 is empty. Promote 1.6.8 now? [y/N]" in seen
    assert "next: bgctl promote" in seen


def test_on_a_terminal_there_is_a_bar(world: World) -> None:
    draining(world)
    looks = iter([8, 2, 1, 0])
    answer = world._report

    def report() -> object:
        world.sessions = {"1.6.7": next(looks, 0)}
        return answer()

    world.api.answers["/api/deployment/active-sessions"] = report  # type: ignore[assignment]
    code, seen = on_a_terminal(world, "drain", "--interval", "10ms", typed="n\n")
    assert code == 0
    assert [f"{share}% have left" in seen for share in (0, 75, 88)] == [True] * 3


@pytest.mark.threat(48)
def test_48_on_a_terminal_auto_says_how_it_is(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 2}
    code, seen = on_a_terminal(world, "drain", "--auto")
    assert code == 5
    assert "1.6.7 still has 2 sessions" in seen
    world.put("rest", READY, NONE)
    assert on_a_terminal(world, "drain", "--auto") == (0, "nothing is draining in phase rest\r\n")
