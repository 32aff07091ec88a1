"""What works for plain compose and harms a release is told before anything starts (threats 90 to 93)."""

from pathlib import Path

import pytest

from tests.unit.toolkit.support.engines import FakeEngine, Listening, project_of
from tests.unit.toolkit.support.worlds import GREEN, NONE, OUT, READY, World
from toolkit import slots
from toolkit.checks import hazards
from toolkit.engine.compose import ComposeService
from toolkit.engine.container import Container, Settings, Status
from toolkit.errors import BgctlError, Refused
from toolkit.project import Project
from toolkit.release import promote, rollback, up, up_checks, up_green


@pytest.fixture(autouse=True)
def _no_compose_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"):
        monkeypatch.delenv(name, raising=False)


def resting(world: World) -> tuple[Project, FakeEngine, Listening]:
    world.put("rest", READY, NONE)
    ui = Listening()
    return *project_of(world, ui), ui


def service(**more: object) -> ComposeService:
    return ComposeService("x:1", "host", **{"profiles": ["deployment"], **more})  # type: ignore[arg-type]


def line(world: World, word: str, after: str = "") -> int:
    lines = (world.root / "compose.yaml").read_text().splitlines()
    start = next((n for n, text in enumerate(lines) if text.strip() == after), 0)
    return next(n for n, text in enumerate(lines[start:], start + 1) if text.strip().startswith(word))


def only(found: list[BgctlError]) -> BgctlError:
    (problem,) = found
    return problem


def test_the_project_here_has_no_hazard(world: World) -> None:
    project, engine, ui = resting(world)
    engine.services["frontend-green"] = service()
    up_checks.check(project, project.state(), pull=False)
    assert ui.warned == []


def test_a_container_name_on_both_slots_is_refused_before_anything_starts(world: World) -> None:
    project, engine, ui = resting(world)
    path = world.root / "compose.yaml"
    for slot in ("blue", "green"):
        engine.services[f"frontend-{slot}"] = service(container_name="shop-web")
        old = f"  frontend-{slot}:\n"
        path.write_text(path.read_text().replace(old, f"{old}    container_name: shop-web\n"))
    with pytest.raises(Refused) as caught:
        up_checks.check(project, None, pull=False)
    lines = [
        f"compose.yaml:{line(world, 'container_name', f'frontend-{slot}:')}" for slot in ("blue", "green")
    ]
    assert str(caught.value).startswith(f"{lines[0]}: frontend-blue and frontend-green are called shop-web: ")
    assert caught.value.next == f"remove container_name there ({', '.join(lines)})"
    up_checks.check(project, project.state(), pull=False)  # what has served people comes back
    assert any("are called shop-web" in said for said in ui.warned)
    with pytest.raises(Refused, match="are called shop-web"):
        up_green.check(project, project.state(), "1.6.8", pull=False)
    engine.services["frontend-green"] = service(container_name="shop-web-2")
    up_checks.check(project, project.state(), pull=False)
    assert engine.asked == []


def test_a_container_name_that_somebody_else_has_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, engine, _ = resting(world)
    engine.services["session-api"] = service(container_name="api")
    monkeypatch.setattr(engine, "of_name", lambda name: [container("other")] if name == "api" else [])
    with pytest.raises(Refused, match="api is the name of a container of project other") as caught:
        up_checks.check(project, None, pull=False)
    assert caught.value.next.endswith("docker rm api")
    monkeypatch.setattr(engine, "of_name", lambda name: [container("shop")])
    up_checks.check(project, project.state(), pull=False)


def test_a_green_that_plain_compose_would_start_is_told(world: World) -> None:
    project, engine, ui = resting(world)
    engine.services["frontend-green"] = service(profiles=None)
    up_checks.check(project, project.state(), pull=False)
    (said,) = ui.warned
    assert said.startswith(
        f"compose.yaml:{line(world, 'profiles', 'frontend-green:')}: frontend-green is not"
    )
    assert said.endswith("write profiles: [deployment]")
    engine.services["frontend-green"] = service()
    with (world.root / ".env").open("a") as file:
        file.write("COMPOSE_PROFILES=monitoring,deployment\n")
    ui.warned.clear()
    up_checks.check(project, project.state(), pull=False)
    (said,) = ui.warned
    assert said.startswith("COMPOSE_PROFILES is monitoring,deployment: ")


@pytest.mark.threat(91)
def test_91_an_image_that_keeps_data_where_nothing_is_mounted_is_told(world: World) -> None:
    project, engine, ui = resting(world)
    engine.services["frontend-green"] = service()
    engine.images["frontend-blue"] = "shop:1"
    engine.keeps = {"shop:1": {"/app/media", "/data"}}
    up_checks.check(project, project.state(), pull=False)
    assert len(ui.warned) == 2
    assert ui.warned[0].startswith("compose.yaml:")
    assert 'write volumes: ["frontend-app-media:/app/media"] in both slots' in ui.warned[0]
    assert "volumes: {frontend-app-media: {}}" in ui.warned[0]


@pytest.mark.threat(91)
@pytest.mark.parametrize(
    "mounts",
    [
        {"volumes": ["media:/data"]},
        {"volumes": ["/data"]},
        {"volumes": ["./here:/data:ro"]},
        {"volumes": [{"type": "volume", "source": "media", "target": "/data"}]},
        {"tmpfs": ["/data:mode=1777"]},
        {"tmpfs": "/data"},
    ],
)
def test_91_what_is_mounted_is_not_told(world: World, mounts: dict[str, object]) -> None:
    project, engine, ui = resting(world)
    engine.services = {"frontend-green": service(**mounts), "frontend-blue": service(**mounts)}
    engine.keeps = {"x:1": {"/data"}}
    found = engine.compose({})
    names = ["frontend-blue", "frontend-green"]
    assert list(hazards.lost_data(project.engine, found, names, project.compose_files)) == []
    assert len(list(hazards.lost_data(project.engine, found, ["proxy"], project.compose_files))) == 1
    assert ui.warned == []


@pytest.mark.threat(91)
def test_91_a_candidates_image_is_looked_at_too(world: World) -> None:
    project, engine, ui = resting(world)
    engine.keeps = {"x:1": {"/data"}}
    up_green.check(project, project.state(), "1.6.8", pull=False)
    (said,) = ui.warned
    assert "frontend-green mounts nothing on /data" in said and "is removed with each release" in said


def container(
    project: str, folder: Path = Path("/srv"), running: bool = True, service: str = "db"
) -> Container:
    labels = {
        "com.docker.compose.project": project,
        "com.docker.compose.service": service,
        "com.docker.compose.project.working_dir": str(folder),
    }
    return Container("a1", Status("running" if running else "exited", running), Settings("x", labels))


class Elsewhere:
    """A folder whose project has run under another name."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project, self.engine = project_of(world)
        self.containers: list[Container] = []
        self.there: set[str] = set()
        monkeypatch.setattr(self.engine, "elsewhere", lambda: self.containers)
        monkeypatch.setattr(self.engine, "volumes", lambda: self.there)

    def fatal(self) -> list[BgctlError]:
        found = self.engine.compose({})
        with_data = type(found)(found.services, {"pgdata": None, "named": {"name": "pg"}})
        return list(hazards.other_project(self.project, with_data))


@pytest.fixture
def elsewhere(world: World, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    return Elsewhere(world, monkeypatch)


@pytest.mark.threat(92)
def test_92_a_project_that_runs_under_another_name_is_told(elsewhere: Elsewhere) -> None:
    elsewhere.containers = [container("blog")]
    found = only(elsewhere.fatal())
    assert isinstance(found, Refused) and found.what == "this folder is project blog already"
    assert "db running" in found.why
    assert found.next.startswith('write name = "blog" in [project] of bgctl.toml, or end those first: ')
    assert "--project-name blog stop" in found.next
    elsewhere.containers = [container("blog", running=False)]
    assert elsewhere.fatal() == []


@pytest.mark.threat(92)
def test_92_data_under_another_name_is_told(elsewhere: Elsewhere) -> None:
    elsewhere.containers = [container("blog", running=False)]
    elsewhere.there = {"blog_pgdata", "pg", "other_pgdata"}
    found = only(elsewhere.fatal())
    assert "data in blog_pgdata" in found.why and "running" not in found.why
    assert found.next.endswith("or, to begin with empty ones: docker volume create shop_pgdata")
    elsewhere.there.add("shop_pgdata")
    assert elsewhere.fatal() == [], "it has begun under its own name"


@pytest.mark.threat(92)
def test_92_data_is_found_after_down_too(
    elsewhere: Elsewhere, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name that plain compose gives to this folder, unless that is another folder's."""
    path = world.root / ".env"
    path.write_text(path.read_text().replace("COMPOSE_PROJECT_NAME=shop", "COMPOSE_PROJECT_NAME=blog"))
    elsewhere.there = {"blog_pgdata"}
    assert only(elsewhere.fatal()).what == "this folder is project blog already"
    monkeypatch.setattr(elsewhere.engine, "of_project", lambda name: [container(name, Path("/elsewhere"))])
    assert elsewhere.fatal() == []


@pytest.mark.threat(92)
def test_92_up_refuses_before_the_first_start_and_only_then(elsewhere: Elsewhere, world: World) -> None:
    elsewhere.containers = [container("blog")]
    with pytest.raises(Refused, match="this folder is project blog already"):
        up.steps(elsewhere.project, pull=False)
    assert not elsewhere.project.state_path.exists() and elsewhere.engine.asked == []
    world.put("rest", READY, NONE)
    up.steps(elsewhere.project, pull=False)


def test_the_name_that_compose_gives_is_told_where_it_differs(world: World) -> None:
    project, engine, ui = resting(world)
    engine.services["frontend-green"] = service()
    path = world.root / ".env"
    path.write_text(path.read_text().replace("COMPOSE_PROJECT_NAME=shop", "COMPOSE_PROJECT_NAME=blog"))
    up_checks.check(project, project.state(), pull=False)
    (said,) = ui.warned
    assert said.startswith("compose calls this project blog, bgctl.toml shop: ")
    assert said.endswith("write COMPOSE_PROJECT_NAME=shop into .env")


def test_an_override_file_that_is_not_applied_is_told(world: World) -> None:
    (world.root / "compose.override.yaml").write_text("services: {}\n")
    project, engine, ui = resting(world)
    engine.services["frontend-green"] = service()
    assert [path.name for path in project.compose_files] == ["compose.yaml", "compose.override.yaml"]
    up_checks.check(project, project.state(), pull=False)
    assert ui.warned == []
    path = world.root / "bgctl.toml"
    path.write_text(path.read_text().replace('compose_file = ""', 'compose_file = "compose.yaml"'))
    project, ui = Project(world.root, Listening(), "test"), Listening()
    project.__dict__["engine"], project.ui = engine, ui
    assert [path.name for path in project.compose_files] == ["compose.yaml"]
    up_checks.check(project, project.state(), pull=False)
    (said,) = ui.warned
    assert said.startswith("compose.override.yaml is not applied: ")
    assert said.endswith('write compose_file = ["compose.yaml", "compose.override.yaml"] in bgctl.toml')


def test_files_that_others_would_not_choose_are_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (world.root / "docker-compose.yml").write_text("services: {}\n")
    project, engine, ui = resting(world)
    engine.services["frontend-green"] = service()
    up_checks.check(project, project.state(), pull=False)
    (said,) = ui.warned
    assert said.startswith("compose.yaml and docker-compose.yml are here, and bgctl takes compose.yaml: ")
    monkeypatch.setenv("COMPOSE_FILE", "compose.yaml")
    ui.warned.clear()
    up_checks.check(project, project.state(), pull=False)
    (said,) = ui.warned
    assert said.startswith("COMPOSE_FILE names the compose files: cron")
    assert said.endswith('write compose_file = ["compose.yaml"] in bgctl.toml')


@pytest.mark.threat(90)
def test_90_the_grace_of_a_service_is_its_own_or_else_the_drains(world: World) -> None:
    project, engine, _ = resting(world)
    engine.services["frontend-green"] = service(stop_grace_period="1m30s")
    engine.services["proxy"] = service(stop_grace_period="30s")
    assert project.grace("frontend-green") == 90
    assert project.grace("frontend-blue") == project.config.drain.stop_grace == 10.0


@pytest.mark.threat(90)
def test_90_rollback_stops_green_in_its_own_time(world: World) -> None:
    project, engine, _ = resting(world)
    engine.services["frontend-green"] = service(stop_grace_period="1m30s")
    slots.stop(project, "green")
    assert engine.graces == {"frontend-green": 90}


@pytest.mark.threat(90)
def test_90_a_compose_file_that_cannot_be_read_keeps_nobody_from_stopping(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, engine, _ = resting(world)

    def broken(env: object) -> None:
        raise Refused("compose.yaml does not exist")

    monkeypatch.setattr(engine, "compose", broken)
    slots.stop(project, "green")
    assert engine.graces == {"frontend-green": 10}


def test_a_promotion_and_a_rollback_keep_the_env_file_at_what_blue_runs(world: World) -> None:
    """Or plain compose would start blue on the other version for as long as green finishes."""
    world.put("promoting", OUT, GREEN, "retire-blue")
    project, _ = project_of(world)
    world.serve(world.blue, "1.6.8")
    promote.serve_blue(project, "1.6.8")
    assert project.env()["CURRENT_VERSION"] == "1.6.8"
    rollback.start_blue(project, "1.6.7")
    assert project.env()["CURRENT_VERSION"] == "1.6.7"


def test_a_broken_env_file_keeps_no_rollback_out(world: World) -> None:
    world.put("promoting", OUT, GREEN, "retire-blue")
    project, engine = project_of(world)
    (world.root / ".env").unlink()
    rollback.start_blue(project, "1.6.7")
    assert "frontend-blue" in engine.there
