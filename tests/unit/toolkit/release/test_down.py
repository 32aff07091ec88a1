"""`bgctl down`: in which order things stop, who is asked, and what drain --auto makes of it."""

import subprocess

import pytest

from tests.terminals import Terminal
from tests.unit.toolkit.support.engines import FakeEngine, Hooked, Killed, project_of, project_on
from tests.unit.toolkit.support.logging_engine import Logging
from tests.unit.toolkit.support.release_worlds import NEW, OLD, ReleaseWorld
from tests.unit.toolkit.support.worlds import BGCTL, DRAIN, GREEN, World
from toolkit.cron import tick
from toolkit.engine.commands import Commands
from toolkit.errors import Failed, NotYet, Refused
from toolkit.project import Project
from toolkit.release import down
from toolkit.release.remaining import DrainTerms

ORDER = ["proxy", "frontend-blue", "frontend-green", "session-api", "db"]


@pytest.fixture
def draining(world: World) -> World:
    world.put("draining", DRAIN, GREEN, "drain")
    return world


def stack_of(world: World) -> tuple[Project, FakeEngine]:
    project, engine = project_of(world)
    engine.there.add("db")
    return project, engine


def test_it_stops_from_the_proxy_inwards_and_leaves_the_state(draining: World) -> None:
    project, engine = stack_of(draining)
    before = draining.state
    down.run(project, yes=True)
    assert engine.asked == [*[f"remove {service}" for service in ORDER], "down"]
    assert (draining.state, engine.there) == (before, set())
    entry = draining.history[-1]
    assert (entry["what"], entry["outcome"], entry["from"], entry["to"]) == ("down", "done", OLD, NEW)


def test_it_may_be_run_again_after_a_crash_anywhere(draining: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before and after each thing that it does; the lock's own note is left out."""
    at = 0
    while at < 40:
        hooked = Hooked(monkeypatch)
        project, engine = hooked.project_of(draining)
        hooked.at = at
        try:
            down.run(project, yes=True)
            break
        except Killed:
            again = project_on(engine)
            hooked.at = -1
            down.run(again, yes=True)
        assert engine.there == set()
        at += 1
        monkeypatch.undo()
    assert 5 < at < 40


def test_a_compose_file_that_is_refused_stops_nothing(
    draining: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, engine = stack_of(draining)

    def refuse(_: object) -> None:
        raise Failed("docker compose failed with exit code 1", "services.web: unknown key")

    monkeypatch.setattr(engine, "compose", refuse)
    with pytest.raises(Failed, match="unknown key"):
        down.run(project, yes=True)
    assert engine.asked == []
    assert not down.is_down(project)


@pytest.mark.threat(41)
@pytest.mark.parametrize("text", ["{", '{"schema": 9}'])
def test_41_a_state_that_cannot_be_used_is_no_reason_to_run_on(draining: World, text: str) -> None:
    (draining.root / "state" / "state.json").write_text(text)
    project, engine = stack_of(draining)
    down.run(project, yes=True)
    assert engine.there == set()


def test_a_dry_run_says_the_order_and_stops_nothing(
    draining: World, capsys: pytest.CaptureFixture[str]
) -> None:
    project, engine = stack_of(draining)
    down.run(project, dry_run=True)
    said = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("plan")]
    assert said == ["note", "proxy", "stop-blue", "stop-green", "session-api", "db", "networks"]
    assert engine.asked == []
    assert not down.is_down(project)


def test_without_a_terminal_it_must_be_told_not_to_ask(
    draining: World, capsys: pytest.CaptureFixture[str]
) -> None:
    draining.sessions, draining.visitors = {OLD: 3, NEW: 7}, {OLD: 2}
    (draining.root / "keys" / "admin.key").write_text("a" * 40)
    project, engine = stack_of(draining)
    with pytest.raises(Refused) as refused:
        down.run(project)
    assert refused.value.next == "bgctl down --yes"
    assert engine.asked == []
    said = capsys.readouterr().out
    assert "stops and removes db, frontend-blue, frontend-green, proxy, session-api" in said
    assert f"still in: 3 sessions and 2 visitors on {OLD}; 7 sessions and 0 visitors on {NEW}" in said


@pytest.mark.threat(54)
def test_54_who_is_in_may_be_unknown_and_that_is_said(
    draining: World, capsys: pytest.CaptureFixture[str]
) -> None:
    draining.sessions = None
    project, _ = stack_of(draining)
    with pytest.raises(Refused):
        down.run(project)
    assert "who is still in is unknown" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "code"), [("n", 3), ("y", 1)])
def test_on_a_terminal_it_asks(release: ReleaseWorld, answer: str, code: int) -> None:
    """The engine here refuses all that changes something: what it was asked then is what was wanted."""
    logging = Logging(release)
    terminal = Terminal([str(BGCTL), "--project", str(release.root), "down"], release.env, 80)
    try:
        seen = terminal.until("Stop everything now? [y/N]")
        assert "frontend-blue, frontend-green" in seen.replace("\r\n     ", " ")
        assert f"34 sessions and 12 visitors on {OLD}" in seen.replace("\r\n     ", " ")
        terminal.press(f"{answer}\r")
        assert terminal.ended() == code
    finally:
        terminal.close()
    assert logging.containers


def test_after_it_drain_auto_starts_nothing_until_up(draining: World) -> None:
    project, engine = stack_of(draining)
    down.run(project, yes=True)
    engine.asked.clear()
    draining.green.answers.clear()
    with pytest.raises(NotYet, match="bgctl down"):
        tick.act(project, DrainTerms.of(project.config.drain))
    assert tick.run(project, DrainTerms.of(project.config.drain)) == 5, "and cron is told nothing"
    assert engine.asked == []
    engine.there.add("proxy")  # somebody has started it by hand
    assert not down.is_down(project)
    engine.there.discard("proxy")
    down.forget(project)
    assert not down.is_down(project)


def test_with_nothing_there_there_is_nothing_to_ask_or_to_stop(draining: World) -> None:
    project, engine = stack_of(draining)
    engine.there.clear()
    down.run(project, yes=False)
    assert engine.asked == ["down"]
    assert not (draining.root / "state" / down.NOTE).exists()


def test_what_the_compose_command_is_asked() -> None:
    commands = Commands("docker", ("docker", "compose"), "shop", ("compose.yaml",), ".env")
    assert commands.down()[-3:] == ["--profile", "deployment", "down"]
    assert "--volumes" not in commands.down()


def test_a_folder_that_is_no_project_is_refused(world: World) -> None:
    done = subprocess.run(
        [BGCTL, "--project", world.root / "keys", "down", "--yes"], capture_output=True, text=True
    )
    assert done.returncode == 3


def test_networks_that_a_swarm_has_too_are_removed_by_their_ids(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a manager, where the project ran by compose before; compose looks for them by name."""
    project, engine = stack_of(world)
    said = "2 matches found based on name: network shop_default is ambiguous"

    def refuse(env: object) -> None:
        raise Failed("docker-compose failed with exit code 1", said)

    monkeypatch.setattr(engine, "down", refuse)
    with pytest.raises(Failed, match="the networks are still there") as caught:
        down.run(project, yes=True)
    assert f"a swarm has networks of the same names: {said}" in caught.value.why
    listed = "docker network ls --quiet --filter label=com.docker.compose.project=shop"
    assert caught.value.next == f"docker network rm $({listed})"
