"""`bgctl drain --auto` as cron runs it, and what it says when: nothing that nobody must know."""

import configparser
import fcntl
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.toolkit.support.engines import FakeEngine, Hooked, Killed, project_of
from tests.unit.toolkit.support.worlds import BGCTL, CANDIDATE, DRAIN, GREEN, NONE, OUT, READY, ROOT, World
from toolkit import slots
from toolkit.cron import throttle, tick, units
from toolkit.cron.throttle import Note
from toolkit.errors import Failed, Refused
from toolkit.project import Project
from toolkit.release import deploy, drain, preview, rollback, route
from toolkit.release.deploy_plan import Plan
from toolkit.release.remaining import DrainTerms

pytestmark = pytest.mark.whole

CANARY = {"version": "1.6.8", "state": "ready", "weight": 10}
BLUE_90 = {**READY, "weight": 90}


@pytest.fixture
def project(world: World) -> Project:
    return project_of(world)[0]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was said since the last look."""

    def look() -> str:
        out, err = capsys.readouterr()
        return str(out + err)

    return look


def draining(world: World) -> None:
    world.put("draining", DRAIN, GREEN, "drain")


# What it does


def test_a_large_access_log_is_put_aside(world: World, said: Callable[[], str]) -> None:
    toml = world.root / "bgctl.toml"
    text = toml.read_text().replace("access_log = false", "access_log = true")
    text = text.replace('access_log_file = ""', 'access_log_file = "access.log"')
    toml.write_text(text.replace('access_log_size = "100m"', 'access_log_size = "1k"'))
    project, engine = project_of(world)
    world.put("rest", READY, NONE)
    folder = world.root / "proxy" / "log"
    folder.mkdir(parents=True)
    (folder / "access.log").write_text("x" * 1024)
    assert tick.run(project, DrainTerms()) == 0
    assert [path.name for path in folder.iterdir()] == ["access.log.1"]
    assert engine.asked == ["signal proxy USR1"]
    engine.there.remove("proxy")
    (folder / "access.log").write_text("x" * 1024)
    (folder / "access.log.5").mkdir()
    for wanted in ("cannot be put aside", "", ""):
        tick.run(project, DrainTerms())
        assert (wanted in said()) if wanted else not said(), "once an hour"


@pytest.mark.threat(48)
def test_48_what_is_empty_is_promoted(world: World, project: Project, said: Callable[[], str]) -> None:
    draining(world)
    assert tick.run(project, DrainTerms()) == 0
    assert (world.state["phase"], world.state["slots"]["blue"]["version"]) == ("rest", "1.6.8")
    lines = said().splitlines()
    assert lines[-1] == "1.6.8 is what everyone has; rest"
    assert all(re.match(r" {2}ok |   - |1\.6\.8 ", line) for line in lines)
    before = world.state
    assert (tick.run(project, DrainTerms()), said(), world.state) == (0, "", before)


@pytest.mark.threat(48)
def test_48_past_the_deadline_it_is_promoted_whoever_is_left(world: World, project: Project) -> None:
    draining(world)
    world.sessions = {"1.6.7": 3}
    assert tick.run(project, DrainTerms()) == 5
    assert tick.run(project, DrainTerms(deadline=3600)) == 0
    assert world.state["phase"] == "rest"


def test_past_the_deadline_what_is_unknown_does_not_matter(world: World, project: Project) -> None:
    draining(world)
    world.sessions = None
    assert tick.run(project, DrainTerms(deadline=3600)) == 0
    assert world.state["phase"] == "rest"


@pytest.mark.threat(48)
def test_48_who_is_idle_is_not_waited_for(world: World, project: Project) -> None:
    draining(world)
    world.sessions, world.recent = {"1.6.7": 3}, {}
    assert tick.run(project, DrainTerms(idle=600)) == 0
    assert world.state["phase"] == "rest"


@pytest.mark.threat(42)
def test_42_a_promotion_that_was_cut_short_goes_on(world: World, project: Project) -> None:
    world.put("promoting", OUT, GREEN, "retire-blue")
    world.sessions = None
    assert tick.run(project, DrainTerms()) == 0
    assert world.state["phase"] == "rest"


@pytest.mark.threat(42)
@pytest.mark.parametrize("after", [False, True])
def test_42_killed_anywhere_the_next_minute_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    hook = Hooked(monkeypatch)

    def begin(at: int) -> Project:
        draining(world)
        world.serve(world.blue, "1.6.7")
        (world.root / ".env").write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.8\n")
        # The key is written once, and each round has to have as many steps as the first.
        shutil.rmtree(world.root / "keys" / "settings", ignore_errors=True)
        hook.count, hook.at, hook.after = 0, at, after
        project, engine = hook.project_of(world)
        engine.there.add("frontend-green")
        return project

    assert tick.run(begin(-1), DrainTerms()) == 0
    total = hook.count
    assert total > 8
    for at in range(total):
        project = begin(at)
        with pytest.raises(Killed):
            tick.run(project, DrainTerms())
        hook.at = -1
        assert tick.run(project, DrainTerms()) == 0, at
        blue = world.state["slots"]["blue"]
        assert (world.state["phase"], blue["version"], blue["weight"]) == ("rest", "1.6.8", 100), at


@pytest.mark.threat(46)
def test_46_a_rollback_that_was_cut_short_is_not_promoted_again(
    world: World, said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a promotion that has got far: both leave the phase that a promotion has."""
    world.put("promoting", {"version": "1.6.8", "state": "ready", "weight": 100}, CANDIDATE, "stop-green")
    world.serve(world.blue, "1.6.8")
    project, engine = project_of(world)

    def fail(service: str, env: object, grace: float = 10, old: object = None) -> None:
        raise Failed(f"{service} is not healthy")

    monkeypatch.setattr(engine, "up", fail)
    with pytest.raises(Failed, match="frontend-blue is not healthy"):
        rollback.run(project)
    before = world.state
    assert before["phase"] == "promoting"
    said()
    assert tick.run(project, DrainTerms(deadline=1)) == Refused.code
    assert "next: bgctl rollback, or: bgctl promote" in said()
    with pytest.raises(Refused, match="a rollback has begun"):
        deploy.run(project, Plan("1.6.8", drain.Watch(DrainTerms()), ask=False))
    with pytest.raises(Refused, match="a rollback has begun"):
        drain.finish(project, drain.Watch(DrainTerms()), "1.6.8")
    assert world.state == before


@pytest.mark.threat(48)
@pytest.mark.parametrize(
    ("phase", "blue", "green"),
    [("rest", READY, NONE), ("candidate", READY, CANDIDATE), ("canary", BLUE_90, CANARY)],
)
def test_48_with_nothing_to_drain_it_is_silent(
    world: World, project: Project, said: Callable[[], str], phase, blue, green
) -> None:
    world.put(phase, blue, green)
    before = world.state
    assert (tick.run(project, DrainTerms()), said(), world.state) == (0, "", before)


@pytest.mark.threat(44)
def test_44_another_bgctl_is_left_alone(world: World, project: Project, said: Callable[[], str]) -> None:
    draining(world)
    before = world.state
    directory = os.open(world.root / "state" / "lock", os.O_RDWR | os.O_CREAT, 0o660)
    fcntl.flock(directory, fcntl.LOCK_EX)
    try:
        assert (tick.run(project, DrainTerms()), said(), world.state) == (4, "", before)
    finally:
        os.close(directory)


@pytest.mark.threat(48)
def test_48_a_release_taken_back_this_very_moment_is_no_trouble(
    world: World, project: Project, said: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    draining(world)

    def take_back(*_: object) -> None:
        world.put("candidate", READY, CANDIDATE)

    monkeypatch.setattr(tick, "check", take_back)
    assert (tick.run(project, DrainTerms()), said()) == (0, "")
    assert world.state["phase"] == "candidate"


# What it says


def later(project: Project, seconds: float) -> None:
    """As if the last note had been written so many seconds ago."""
    path = project.state_dir / "auto.json"
    note = throttle._read(path)
    assert note
    path.write_text(
        f'{{"what": "{note.what}", "since": {note.since - seconds},'
        f' "said": {note.said - seconds if note.said else 0}}}'
    )


@pytest.mark.threat(54)
def test_54_an_unknown_count_is_told_when_it_stays_so(
    world: World, project: Project, said: Callable[[], str]
) -> None:
    draining(world)
    world.sessions = None
    assert (tick.run(project, DrainTerms()), said()) == (5, "")
    later(project, 299)
    assert (tick.run(project, DrainTerms()), said()) == (5, "")
    later(project, 2)
    assert tick.run(project, DrainTerms()) == 5
    assert "unknown sessions" in said()
    assert (tick.run(project, DrainTerms()), said()) == (5, "")
    later(project, 3601)
    assert tick.run(project, DrainTerms()) == 5
    assert "unknown sessions" in said()
    world.sessions = {"1.6.7": 1}
    assert (tick.run(project, DrainTerms()), said()) == (5, "")
    assert not (project.state_dir / "auto.json").exists()


def test_a_promotion_that_fails_is_told_at_once_and_then_once_an_hour(
    world: World, said, monkeypatch: pytest.MonkeyPatch
) -> None:
    draining(world)
    project, engine = project_of(world)

    def fail(service: str, env: object, grace: float = 10, old: object = None) -> None:
        raise Failed("frontend-blue is not healthy", "it answers 500", "bgctl status")

    monkeypatch.setattr(engine, "up", fail)
    assert tick.run(project, DrainTerms()) == 1
    assert "frontend-blue is not healthy" in said()
    assert (tick.run(project, DrainTerms()), said()) == (1, "")
    later(project, 3601)
    assert tick.run(project, DrainTerms()) == 1
    assert "bgctl: frontend-blue is not healthy" in said()
    monkeypatch.setattr(engine, "up", lambda *a: FakeEngine.up(engine, *a))
    assert tick.run(project, DrainTerms()) == 0
    assert world.state["phase"] == "rest"


def test_a_precondition_that_is_not_met_is_told_at_once(
    world: World, project: Project, said: Callable[[], str]
) -> None:
    draining(world)
    world.serve(world.green, "0.0.0")
    assert tick.run(project, DrainTerms()) == Refused.code
    assert "green is not healthy" in said()
    assert not (world.root / "state" / "history.jsonl").exists()


def test_what_cannot_be_noted_is_said(tmp_path: Path) -> None:
    assert throttle.due(tmp_path / "none" / "auto.json", "unknown", 1000, 300)
    (tmp_path / "auto.json").write_text("{")
    assert not throttle.due(tmp_path / "auto.json", "unknown", 1000, 300)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(1, 500)), min_size=1), st.sampled_from([0.0, 300.0])
)
def test_the_same_trouble_is_said_once_an_hour(looks: list[tuple[str, float]], patience: float) -> None:
    note: Note | None = None
    now, told, since = 1e9, float("-inf"), 1e9
    for what, passed in looks:
        now += passed
        if note is None or note.what != what:
            told, since = float("-inf"), now
        note, say = throttle.judge(note, what, now, patience)
        assert say is (now >= since + patience and now >= told + throttle.AGAIN)
        told = now if say else told


def test_a_clock_that_was_set_back_keeps_nothing_quiet() -> None:
    assert throttle.judge(Note("a", 5000, 5000), "a", 1000, 0)[1]
    assert throttle.judge(Note("a", 500, 5000), "a", 1000, 0)[1]


# What runs it

FIELD = r"(\*|[0-9]+)"
AWKWARD = "/srv/my shop/50% $HOME \"x\" 'y' \\z"


def words_of(line: str) -> list[str]:
    """A crontab line as cron and then the shell read it. Anything unescaped that cron knows fails."""
    match = re.fullmatch(rf"({FIELD} ){{5}}(?P<command>(\\%|[^%\n])+)\n", line)
    assert match, line
    return shlex.split(match["command"].replace(r"\%", "%"))


@pytest.mark.threat(48)
@pytest.mark.parametrize("project", ["/srv/shop", AWKWARD])
def test_48_the_crontab_line_reads_back(project: str) -> None:
    argv = ["/opt/bgctl/bin/bgctl", "--project", project, "drain", "--auto"]
    line = units.crontab(argv)
    assert words_of(line) == argv
    assert line.startswith("* * * * * /opt/bgctl/bin/bgctl ")


@pytest.mark.threat(48)
def test_48_the_printed_line_is_this_bgctl_in_this_project(world: World) -> None:
    done = world.bgctl("cron", "--crontab", env={})
    assert words_of(done.stdout) == [str(BGCTL), "--project", str(world.root), "drain", "--auto"]
    assert done.stdout.count("\n") == 1
    draining(world)
    world.sessions = {"1.6.7": 1}
    command = done.stdout.removeprefix("* * * * * ")
    run = subprocess.run(["/bin/sh", "-c", command], env={}, capture_output=True, text=True, cwd="/")
    assert (run.returncode, run.stdout + run.stderr) == (5, "")


def unit(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


@pytest.mark.threat(48)
def test_48_systemds_units(world: World) -> None:
    service = unit(world.bgctl("cron", "--service").stdout)
    timer = unit(world.bgctl("cron", "--timer").stdout)
    assert list(service) == ["Unit", "Service"]
    assert service["Service"] == {
        "Type": "oneshot",
        "ExecStart": f"{BGCTL} --project {world.root} drain --auto",
        "SuccessExitStatus": "4 5",
        "KillMode": "process",
    }
    assert list(timer) == ["Unit", "Timer", "Install"]
    assert timer["Timer"]["OnCalendar"] == "minutely"
    assert timer["Install"] == {"WantedBy": "timers.target"}


def test_a_path_in_a_unit_is_taken_as_it_is() -> None:
    line = unit(units.service(["/usr/bin/bgctl", "--project", AWKWARD], "shop"))["Service"]["ExecStart"]
    assert line == r'''/usr/bin/bgctl --project "/srv/my shop/50%% $$HOME \"x\" 'y' \\z"'''


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    (tmp_path / "bgctl-shop.service").write_text(
        units.service([str(BGCTL), "--project", AWKWARD, "drain", "--auto"], "shop")
    )
    (tmp_path / "bgctl-shop.timer").write_text(units.timer("shop"))
    written = [str(tmp_path / f"bgctl-shop.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(["systemd-analyze", "verify", *written], capture_output=True, text=True)
    assert (done.returncode, "bgctl-shop" in done.stderr) == (0, False), done.stderr


@pytest.mark.threat(81)
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
@pytest.mark.parametrize("system", [True, False])
def test_81_systemd_accepts_the_unit_for_boot(tmp_path: Path, system: bool) -> None:
    path = tmp_path / "bgctl-shop-up.service"
    path.write_text(units.boot([str(BGCTL), "--project", AWKWARD, "up"], "shop", system))
    argv = ["systemd-analyze", *([] if system else ["--user"]), "verify", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert "bgctl-shop-up" not in done.stderr, done.stderr
    assert not system or done.returncode == 0, done.stderr


@pytest.mark.threat(81)
def test_81_an_engine_that_is_not_up_yet_does_not_fill_the_history(world: World) -> None:
    world.put("rest", READY, NONE)
    path = world.root / "bgctl.toml"
    path.write_text(path.read_text().replace('engine = "auto"', 'engine = "docker"'))
    done = world.bgctl("up", env={"DOCKER_HOST": f"unix://{world.root}/no.sock"})
    assert done.returncode == Refused.code
    assert "no container engine is usable" in done.stderr
    assert not (world.root / "state" / "history.jsonl").exists()


@pytest.mark.threat(81)
def test_81_everything_comes_back_at_boot(world: World) -> None:
    found = unit(world.bgctl("cron", "--boot").stdout)
    assert found["Service"]["ExecStart"] == f"{BGCTL} --project {world.root} up"
    assert (found["Service"]["Type"], found["Service"]["Restart"]) == ("oneshot", "on-failure")
    assert "docker.service" in found["Unit"]["After"]
    assert found["Install"]["WantedBy"] in ("multi-user.target", "default.target")
    assert "bgctl-shop-up.service" in world.bgctl("cron").stdout


@pytest.mark.threat(81)
@pytest.mark.parametrize("project", ["/srv/shop", AWKWARD])
def test_81_the_crontab_line_for_boot_asks_until_the_engine_is_there(tmp_path: Path, project: str) -> None:
    """With a bgctl that refuses at first: cron may be up before docker."""
    bgctl = tmp_path / "bgctl"
    bgctl.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n[ $(wc -l <{tmp_path}/asked) -ge 3 ]\n')
    bgctl.chmod(0o755)
    line = units.at_boot([str(bgctl), "--project", project, "up"])
    assert line.startswith("@reboot ")
    assert line.count("\n") == 1
    assert not re.search(r"(?<!\\)%", line)
    command = line.removeprefix("@reboot ").replace(r"\%", "%").replace("sleep 10", "sleep 0")
    assert subprocess.run(["/bin/sh", "-c", command]).returncode == 0
    assert (tmp_path / "asked").read_text().splitlines() == [f"--project {project} up"] * 3


# Green, which serves people

EXAMPLE = (ROOT / "bgctl.example.toml").read_text().partition('health = "/healthz"')[0]
LINE = EXAMPLE.count("\n") + 1
CAUSE = (
    f"the app has no /healthz; bgctl.toml:{LINE} [services.frontend]: "
    'write health = "/…" with a path that it has'
)


@pytest.mark.threat(80)
def test_80_a_green_that_is_gone_in_a_drain_is_brought_back(world: World, said: Callable[[], str]) -> None:
    draining(world)
    world.sessions = {"1.6.7": 1}
    project, engine = project_of(world)
    engine.there.discard("frontend-green")
    world.green.answers.clear()
    assert tick.run(project, DrainTerms()) == 5
    assert engine.asked == ["up frontend-green"]
    assert engine.comes_back == {"frontend-green": True}
    told = said()
    assert "green was down (frontend-green: answered status 404: " in told
    assert "): it has been started again" in told
    assert [(each["what"], each["outcome"]) for each in world.history] == [("start green", "done")]
    assert (tick.run(project, DrainTerms()), said()) == (5, "")


@pytest.mark.threat(80)
def test_80_a_green_that_is_down_is_said_at_once_and_once(world: World, said: Callable[[], str]) -> None:
    """It runs, and does not answer: whether a restart mends that, somebody has to see."""
    draining(world)
    world.sessions = {"1.6.7": 1}
    project, engine = project_of(world)
    world.green.answers.clear()
    assert tick.run(project, DrainTerms()) == Refused.code
    assert said().splitlines() == [
        f"bgctl: green is not healthy: frontend-green: answered status 404: {CAUSE}",
        "next: bgctl up, or: bgctl rollback",
    ]
    assert (tick.run(project, DrainTerms()), said()) == (Refused.code, "")
    assert engine.asked == []
    assert not (world.root / "state" / "history.jsonl").exists()
    world.serve(world.green, "1.6.8")
    assert (tick.run(project, DrainTerms()), said()) == (5, "")
    world.green.answers.clear()
    assert (tick.run(project, DrainTerms()), "green is not healthy" in said()) == (Refused.code, True)


@pytest.mark.threat(80)
def test_80_one_that_cannot_be_brought_back_does_not_fill_the_history(
    world: World, said, monkeypatch: pytest.MonkeyPatch
) -> None:
    draining(world)
    project, engine = project_of(world)
    engine.there.discard("frontend-green")
    world.green.answers.clear()

    def fail(service: str, env: object, grace: float = 10, old: object = None) -> None:
        raise Failed("no space left")

    monkeypatch.setattr(engine, "up", fail)
    assert tick.run(project, DrainTerms()) == Refused.code
    assert "green is down: no space left" in said()
    assert (tick.run(project, DrainTerms()), said()) == (Refused.code, "")
    assert not (world.root / "state" / "history.jsonl").exists()


@pytest.mark.threat(80)
@pytest.mark.parametrize(
    ("phase", "blue", "green", "kept"),
    [
        ("candidate", READY, CANDIDATE, False),
        ("preview", READY, {**CANDIDATE, "state": "drain"}, False),
        ("canary", BLUE_90, CANARY, True),
        ("draining", DRAIN, GREEN, True),
    ],
)
def test_80_every_switch_says_whether_green_is_restarted(world: World, phase, blue, green, kept) -> None:
    """The same command again, too: one that was killed in between is made good."""
    world.put(phase, blue, green)
    project, engine = project_of(world)
    command = {"candidate": "disable-green", "draining": "enable-green", "canary": "canary"}.get(phase)
    if command:
        route.run(project, command, 10 if command == "canary" else None)
    else:
        preview.admit(project)
    assert engine.comes_back == {"frontend-green": kept}
    if kept:
        route.run(project, "disable-green")
        assert engine.comes_back == {"frontend-green": False}


@pytest.mark.threat(80)
def test_80_an_engine_that_hangs_keeps_no_switch_back(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("candidate", READY, CANDIDATE)
    project, engine = project_of(world)

    def hang(service: str, wanted: bool) -> None:
        assert world.state["phase"] in ("draining", "candidate"), "the routing is first"
        raise Failed("docker does not answer", "timed out", "start docker")

    monkeypatch.setattr(engine, "keep_running", hang)
    assert route.run(project, "enable-green").phase == "draining"
    assert "warning: docker does not answer: timed out; next: start docker" in capsys.readouterr().err
    assert route.run(project, "disable-green").phase == "candidate"
    assert capsys.readouterr().err == ""


@pytest.mark.threat(80)
def test_80_every_command_names_what_brings_green_back(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 0}
    world.green.answers.clear()
    told = f"green is down: frontend-green: answered status 404 ({CAUSE}); next: bgctl up"
    assert told in world.bgctl("status").stdout
    assert "next: bgctl up" in world.bgctl("promote").stderr
    said = world.bgctl("up-green", "1.6.8")
    assert said.returncode == Refused.code
    assert "green serves 1.6.8 already, and is down" in said.stderr
    assert said.stderr.splitlines()[-1] == "next: bgctl up"


def test_all_of_it_names_the_files(world: World) -> None:
    everything = world.bgctl("cron").stdout
    assert all(f"bgctl-shop.{kind}" in everything for kind in ("service", "timer"))
    assert "* * * * * " in everything
    systemd = world.bgctl("cron", "--systemd").stdout
    assert "* * * * * " not in systemd
    assert systemd in everything
    assert list((ROOT / "bgctl.example.toml").parent.glob("*.service")) == []


def test_slots_are_untouched_while_somebody_is_left(world: World) -> None:
    draining(world)
    world.sessions = {"1.6.7": 1}
    project, engine = project_of(world)
    assert tick.run(project, DrainTerms()) == 5
    assert engine.asked == []
    assert slots.fault(project, "blue", "1.6.7") is None
