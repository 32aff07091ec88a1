"""What services depend on starts before them (threat 87), by its condition; workers go with their slot."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.unit.toolkit.support.engines import FakeEngine, project_on
from tests.unit.toolkit.support.worlds import CANDIDATE, DRAIN, GREEN, NONE, READY, World
from toolkit import config, slots
from toolkit.checks import preflight
from toolkit.checks.looks import Looks
from toolkit.checks.preflight import Preflight
from toolkit.engine import container_health, dependencies
from toolkit.engine.commands import Commands
from toolkit.engine.compose import COMPLETED, Compose, ComposeService
from toolkit.engine.container import ONE_SHOT, Container
from toolkit.engine.dependencies import Dependency
from toolkit.engine.engine import Keep
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.files import needs_file
from toolkit.observe.doctor import dependency_problems
from toolkit.observe.overview import gather
from toolkit.project import Project
from toolkit.release import needs, one_shot, promote, rollback, up, up_green
from toolkit.release.remaining import DrainTerms
from toolkit.rendering import nginx_conf, settings_json

# As docker-compose 1.29 and podman-compose are asked: the file is what a newcomer has.
FILE = """\
version: "3.8"
services:
  db:
    image: "postgres:17"
    healthcheck: {test: ["CMD", "true"], interval: 2s}
  cache: {image: "redis:7"}
  mail: {image: "mail:1", depends_on: [cache]}
  migrate:
    image: "shop:${VERSION}"
    depends_on: {db: {condition: service_healthy}}
  web-blue:
    image: "shop:${CURRENT_VERSION}"
    depends_on: [db, migrate]
  web-green:
    image: "shop:${VERSION}"
    depends_on:
      migrate: {condition: service_completed_successfully}
      mail: {condition: service_started}
      db: {condition: service_started}
  side: {image: "side:1", network_mode: "service:db", links: ["cache:c"], volumes_from: [mail]}
"""
COMPOSES = {
    "docker": ["docker-compose"],
    "podman": [str(Path(sys.executable).parent / "podman-compose"), "--in-pod=false"],
}
PATHS = (Path(__file__).parents[4] / "compose" / "compose.yaml",)


def read(folder: Path, command: list[str]) -> Compose:
    (folder / "compose.yaml").write_text(FILE)
    env = {"PATH": "/usr/bin:/bin:/usr/sbin", "VERSION": "2", "CURRENT_VERSION": "1", "HOME": str(folder)}
    argv = [*command, "--file", "compose.yaml", "--profile", "deployment", "config"]
    said = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=True, timeout=60)
    return Compose.parse(said.stdout)


@pytest.mark.threat(87)
@pytest.mark.parametrize("engine", COMPOSES)
def test_87_what_is_needed_as_compose_commands_print_it(tmp_path: Path, engine: str) -> None:
    found = read(tmp_path, COMPOSES[engine])
    planned = dependencies.plan(found, ["web-green"], {"web-blue", "web-green"}, PATHS)
    assert [(each.service, each.condition) for each in planned] == [
        ("db", "service_healthy"),
        ("cache", "service_started"),
        ("mail", "service_started"),
        ("migrate", "service_completed_successfully"),
    ]
    short = dependencies.plan(found, ["web-blue"], set(), PATHS)
    assert [(each.service, each.one_shot) for each in short] == [("db", False), ("migrate", False)]
    beside = dependencies.plan(found, ["side"], set(), PATHS)
    assert [each.service for each in beside] == ["cache", "db", "mail"]


def compose(**services: dict[str, Any]) -> Compose:
    return Compose({name: ComposeService(**each) for name, each in services.items()})


def test_what_starts_in_its_own_way_is_left_out_with_all_that_it_needs() -> None:
    found = compose(web={"depends_on": ["api"]}, api={"depends_on": ["redis"]}, redis={})
    assert dependencies.plan(found, ["web"], {"api"}, PATHS) == []
    assert [each.service for each in dependencies.plan(found, ["api"], {"api"}, PATHS)] == ["redis"]


def test_a_service_that_is_not_there_is_named_unless_it_is_optional() -> None:
    found = compose(web={"depends_on": {"db": {"condition": "service_healthy"}}})
    with pytest.raises(Refused, match="web: it depends on db, which is not there, or has a profile"):
        dependencies.plan(found, ["web"], set(), PATHS)
    spared = compose(web={"depends_on": {"db": {"condition": "service_started", "required": False}}})
    assert dependencies.plan(spared, ["web"], set(), PATHS) == []


@pytest.mark.parametrize(
    ("service", "complaint"),
    [
        ({"image": "x:1", "restart": "always"}, "restart: always: web waits until it has completed"),
        ({"image": "x:1", "restart": "unless-stopped"}, "restart: unless-stopped"),
        ({"build": "."}, "has no image: it runs once for each version"),
    ],
)
def test_a_one_shot_that_could_not_run_once_is_refused(service: dict[str, Any], complaint: str) -> None:
    once = Dependency("migrate", COMPLETED, "web")
    (found,) = dependencies.problems(compose(migrate=service), [once], PATHS)
    assert complaint in str(found)
    assert found.next.startswith("write ")
    fine = compose(migrate={"image": "x:1", "restart": "no"})
    assert list(dependencies.problems(fine, [once], PATHS)) == []


def test_services_of_a_slot_start_after_those_of_it_that_they_need() -> None:
    found = compose(a={"depends_on": ["c"]}, b={}, c={"depends_on": ["d"]}, d={})
    assert dependencies.in_order(found, ["a", "b", "c"]) == ["c", "a", "b"]


# What the engine says of a container


def container(
    service: str = "db", status: str = "running", code: int = 0, health: str = "", **more: Any
) -> Container:
    check = {"Test": ["CMD", "true"], "Interval": 10**9, "Retries": 1} if health else None
    document = {
        "Id": more.get("id", service),
        "Image": more.get("digest", "sha256:aa"),
        "State": {
            "Status": status,
            "Running": status == "running",
            "ExitCode": code,
            "StartedAt": more.get("started", "1"),
            "Health": {"Status": health, "Log": [{"Output": "no route\nto db\n"}]} if health else None,
        },
        "Config": {
            "Image": more.get("image", "x:1"),
            "Env": more.get("env"),
            "Labels": {"com.docker.compose.service": service, **more.get("labels", {})},
            "Healthcheck": check,
        },
    }
    return msgspec.json.decode(msgspec.json.encode(document), type=Container)


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        (None, "it has no container"),
        (container(), None),
        (container(health="healthy"), None),
        (container(health="starting"), "its HEALTHCHECK has not passed yet"),
        (container(health="unhealthy"), "its HEALTHCHECK fails: to db"),
        (container(status="exited", code=3, health="unhealthy"), "it exited with code 3"),
        (container(status="created"), "it has not been started"),
        (container(status="restarting", code=1), "it dies and is restarted, the last time with exit code 1"),
    ],
)
def test_whether_a_container_is_healthy(seen: Container | None, fault: str | None) -> None:
    assert container_health.fault(seen) == fault


def test_podmans_word_for_health_is_read_too() -> None:
    found = msgspec.json.decode(
        b'{"Id": "a", "State": {"Running": true, "Healthcheck": {"Status": "unhealthy", "Log": null}},'
        b' "Config": {"Healthcheck": {"Test": ["CMD", "true"]}}}',
        type=Container,
    )
    assert container_health.fault(found) == "its HEALTHCHECK fails"


def looks(*seen: Container | None) -> Callable[[], Container | None]:
    """One after another, then the last for ever."""
    left = list(seen)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Any:
    from toolkit.config import Health
    from toolkit.values import Duration

    monkeypatch.setattr(container_health, "STEADY", 0.02)
    return Health(interval=Duration(0.001), timeout=Duration(0.1))


def test_a_container_without_a_check_has_to_keep_running(quick: Any) -> None:
    container_health.prove("w", looks(container()), quick)
    with pytest.raises(Failed, match="w is not healthy: it exited with code 1"):
        container_health.prove("w", looks(container(), container(status="exited", code=1)), quick)
    lives = [container(started=str(n)) for n in range(1000)]
    with pytest.raises(Failed, match="it has been restarted again and again, after 0 s"):
        container_health.prove("w", looks(*lives), quick)
    with pytest.raises(Failed, match="it dies and is restarted"):
        container_health.prove("w", looks(container(), container(status="restarting")), quick)


def test_a_healthcheck_has_its_own_time_to_pass(quick: Any) -> None:
    container_health.prove("db", looks(container(health="starting"), container(health="healthy")), quick)
    assert container_health.patience(container(health="starting"), quick) == 31
    with pytest.raises(Failed, match="db is not healthy: its HEALTHCHECK fails: to db, after 0 s"):
        container_health.prove("db", looks(container(health="unhealthy")), quick)


# On an engine


class Needy(FakeEngine):
    """Slots that depend on a db and on a migration; a worker where `works`."""

    def __init__(self, world: World, works: bool = False) -> None:
        super().__init__(world)
        self.found: list[Container] = []
        self.works = works
        self.exit_code, self.hangs = 0, False
        self.digest = "sha256:aa"
        self.healthy = "healthy"

    def compose(self, env: Mapping[str, str]) -> Compose:
        version = env["VERSION"]
        needs = {
            "db": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }
        known = dict(super().compose(env).services)
        for name in ("frontend-blue", "frontend-green"):
            known[name] = replace(known[name], depends_on=needs)
        known["db"] = ComposeService("postgres:17")
        known["migrate"] = ComposeService(f"shop:{version}", depends_on=["db"])
        known["worker-blue"] = ComposeService(f"shop:{env['CURRENT_VERSION']}", depends_on=["frontend-blue"])
        known["worker-green"] = ComposeService(f"shop:{version}", depends_on=["frontend-green"])
        return Compose(known)

    def containers(self) -> Any:
        fixed = {name: container(name) for name in self.there}
        return {**fixed, **{each.service: each for each in self.found if not each.one_off}}

    def look(self, service: str) -> Container | None:
        found: Container | None = self.containers().get(service)
        return found

    def running(self, service: str, env: Mapping[str, str] | None = None) -> bool:
        found = self.look(service)
        return found is not None and found.state.running

    def image_id(self, image: str) -> str:
        return self.digest

    def up(self, service: str, env: Mapping[str, str], grace: float = 10, keep: Keep = None) -> None:
        super().up(service, env, grace)
        if service.startswith(("db", "worker")):
            self.there.discard(service)
            health = self.healthy if service == "db" else ""
            image = self.compose(env).image(service)
            self.found = [each for each in self.found if each.service != service]
            self.found.append(container(service, health=health, image=image))

    def remove(self, service: str, grace: float, keep: Keep = None) -> None:
        super().remove(service, grace)
        self.found = [each for each in self.found if each.service != service]

    def start(self, each: Container) -> None:
        self.asked.append(f"start {each.service}")
        self.found.remove(each)
        self.found.append(container(each.service, health=self.healthy))

    def run_once(self, service: str, version: str, env: Mapping[str, str]) -> None:
        assert (env["VERSION"], env["CURRENT_VERSION"]) == (version, version)
        self.asked.append(f"run {service} {version}")
        status = "running" if self.hangs else "exited"
        marked: dict[str, Any] = {"env": [f"{ONE_SHOT}={version}"], "digest": self.digest}
        marked["id"] = f"{service}-{version}"
        self.found.append(container(service, status, self.exit_code, **marked))

    def one_shots(self, service: str) -> list[Container]:
        return [each for each in self.found if each.service == service and each.one_off]

    def remove_one(self, each: Container, grace: float = 10, keep: Keep = None) -> None:
        self.asked.append(f"remove {each.id}")
        self.found.remove(each)

    def log_of(self, each: Container, lines: int = 20) -> str:
        return "relation users exists"

    def logs(self, service: str, lines: int = 20) -> str:
        return f"log of {service}"


WORKER = '\n[services.worker]\nroutes = []\nhealth = "container"\n'


def project_of(world: World, works: bool = False) -> tuple[Project, Needy]:
    path = world.root / "bgctl.toml"
    text = path.read_text().replace('one_shot_timeout = "10m"', 'one_shot_timeout = "50ms"')
    path.write_text(text + WORKER * works)
    engine = Needy(world, works)
    return project_on(engine), engine


def take_back(project: Project, engine: Needy) -> None:
    """A rollback; what listens in green's place goes on to be this project's."""
    rollback.run(project)
    engine.there.add("frontend-green")
    engine.world.serve(engine.world.green, "down")
    engine.asked.clear()


@pytest.fixture
def resting(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(container_health, "STEADY", 0.0)
    world.put("rest", READY, NONE)
    world.serve(world.green, "nothing yet")
    (world.root / ".env").write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.7\n")
    return world


@pytest.mark.threat(87)
def test_87_what_green_depends_on_is_there_before_it_and_migrated_once(resting: World) -> None:
    project, engine = project_of(resting)
    up_green.run(project, "1.6.8")
    begun = [call for call in engine.asked if call.startswith(("up", "run"))]
    assert begun == ["up db", "run migrate 1.6.8", "up frontend-green"]
    assert needs_file.read(project.needs_path) == ["db"]
    engine.asked.clear()
    resting.serve(resting.green, "down again")
    up_green.run(project, "1.6.8")
    assert engine.asked == ["up frontend-green"], "neither migrated nor started anew"


@pytest.mark.threat(87)
def test_87_a_new_image_of_the_same_version_migrates_again(resting: World) -> None:
    project, engine = project_of(resting)
    up_green.run(project, "1.6.8")
    take_back(project, engine)
    up_green.run(project, "1.6.8")
    assert "run migrate 1.6.8" not in engine.asked
    take_back(project, engine)
    engine.digest = "sha256:bb"
    up_green.run(project, "1.6.8")
    assert engine.asked[:2] == ["remove migrate-1.6.8", "run migrate 1.6.8"]


@pytest.mark.threat(87)
def test_87_a_migration_that_fails_stops_the_release(resting: World) -> None:
    project, engine = project_of(resting)
    engine.exit_code, before = 3, resting.state
    with pytest.raises(Failed, match=r"migrate failed for 1\.6\.8: it ended with exit code 3") as caught:
        up_green.run(project, "1.6.8")
    assert caught.value.detail == "relation users exists"
    assert "up frontend-green" not in engine.asked
    assert resting.state == before
    engine.exit_code = 0
    up_green.run(project, "1.6.8")
    assert engine.asked.count("run migrate 1.6.8") == 2


@pytest.mark.threat(87)
def test_87_a_migration_that_hangs_is_ended_and_says_so(resting: World) -> None:
    project, engine = project_of(resting)
    engine.hangs, before = True, resting.state
    with pytest.raises(Failed, match=r"migrate hangs for 1\.6\.8: it had not ended after 50ms") as caught:
        up_green.run(project, "1.6.8")
    assert caught.value.detail == "relation users exists"
    assert "one_shot_timeout" in caught.value.next
    assert engine.one_shots("migrate") == [], "an orderly end must not pass for a migration"
    assert resting.state == before


@pytest.mark.threat(87)
def test_87_a_migration_that_a_killed_bgctl_left_behind_is_waited_for(resting: World) -> None:
    project, engine = project_of(resting)
    engine.hangs = True
    engine.run_once("migrate", "1.6.8", project.compose_env("1.6.8", "1.6.8"))
    engine.asked.clear()
    with pytest.raises(Failed, match="hangs"):
        one_shot.run(project, "migrate", "1.6.8")
    assert engine.asked == ["remove migrate-1.6.8"], "it was not started a second time"


def test_what_ran_for_versions_that_are_served_is_remembered(resting: World) -> None:
    project, _ = project_of(resting)
    for version in ("1.6.6", "1.6.7", "1.6.8"):
        one_shot.run(project, "migrate", version)
    assert one_shot.has_run(project, "migrate", "1.6.7")
    assert not one_shot.has_run(project, "migrate", "1.6.6"), "gone with the next one"


@pytest.mark.threat(87)
def test_87_up_on_an_empty_engine_starts_dependencies_first(world: World) -> None:
    (world.root / ".env").write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.7\n")
    project, _ = project_of(world)
    names = [step.name for step in up.steps(project)]
    first = names.index("db")
    assert names[first : first + 4] == ["db", "migrate", "start-blue", "proxy"]
    assert "state" in names[:first], "what is started is known to be"


@pytest.mark.threat(87)
def test_87_up_migrates_at_rest_for_what_it_starts_and_for_nothing_else(resting: World) -> None:
    def migrates() -> bool:
        (step,) = [each for each in up.steps(project_of(resting)[0]) if each.name == "migrate"]
        return step.needed()

    assert not migrates(), "blue serves people already"
    resting.serve(resting.blue, "nothing: it was stopped")
    assert migrates()
    resting.put("draining", DRAIN, GREEN, "drain")
    assert not migrates(), "an older version must not migrate after a newer one"
    resting.put("candidate", READY, CANDIDATE)
    assert not migrates()


@pytest.mark.threat(87)
def test_87_a_dependency_that_has_stopped_keeps_its_container(resting: World) -> None:
    project, engine = project_of(resting)
    engine.found.append(container("db", "exited", 0, "healthy"))
    up_green.run(project, "1.6.8")
    assert [call for call in engine.asked if call.endswith(" db")] == ["start db"]


@pytest.mark.threat(87)
def test_87_without_a_healthcheck_nobody_can_wait_for_health(resting: World) -> None:
    project, engine = project_of(resting)
    engine.healthy = ""
    with pytest.raises(BgctlError, match="whether db is healthy is not known") as caught:
        up_green.run(project, "1.6.8")
    assert "write a healthcheck for db" in caught.value.next
    assert "up frontend-green" not in engine.asked


@pytest.mark.threat(87)
def test_87_a_rollback_migrates_nothing_and_a_dead_dependency_keeps_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put("draining", DRAIN, GREEN, "drain")
    project, engine = project_of(world)
    engine.there.discard("frontend-blue")
    world.serve(world.blue, "down")
    monkeypatch.setattr(needs, "start", _fail)
    rollback.run(project)
    assert world.state["phase"] == "rest"
    assert not [call for call in engine.asked if call.startswith("run")]
    assert "db does not come up" in capsys.readouterr().err


def _fail(*_: object) -> str:
    raise Failed("db does not come up", "its disk is full")


@pytest.mark.threat(87)
def test_87_a_promotion_does_not_migrate(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_health, "STEADY", 0.0)
    world.put("draining", DRAIN, GREEN, "drain")
    project, engine = project_of(world, works=True)
    for name, env in (("worker-blue", ("1.6.7", "1.6.8")), ("worker-green", ("1.6.7", "1.6.8"))):
        engine.up(name, project.compose_env(*env))
    engine.asked.clear()
    promote.run(project, DrainTerms())
    assert [call for call in engine.asked if "frontend" not in call] == [
        "up db",
        "remove worker-blue",
        "up worker-blue",
        "remove worker-green",
    ]
    assert engine.look("worker-blue").config.image == "shop:1.6.8"  # type: ignore[union-attr]
    assert engine.look("worker-green") is None


# Workers


def test_a_worker_starts_with_its_slot_and_goes_with_it(resting: World) -> None:
    project, engine = project_of(resting, works=True)
    engine.up("worker-blue", project.compose_env("1.6.7", "1.6.7"))
    up_green.run(project, "1.6.8")
    assert engine.asked[-2:] == ["up frontend-green", "up worker-green"]
    assert engine.look("worker-blue").config.image == "shop:1.6.7"  # type: ignore[union-attr]
    assert slots.serves(project, "green", "1.6.8")
    resting.serve(resting.green, "1.6.9")
    assert not slots.serves(project, "green", "1.6.9"), "its worker is on another version"
    rollback.run(project)
    assert engine.look("worker-green") is None
    assert engine.look("worker-blue") is not None


def test_a_worker_that_dies_takes_the_candidate_with_it(resting: World) -> None:
    project, engine = project_of(resting, works=True)
    engine.up("worker-blue", project.compose_env("1.6.7", "1.6.7"))
    start = engine.up

    def die(service: str, env: Mapping[str, str], grace: float = 10, keep: Keep = None) -> None:
        start(service, env, grace)
        if service == "worker-green":
            engine.found[-1] = container("worker-green", "exited", 1)

    engine.up = die  # type: ignore[method-assign]
    with pytest.raises(Failed, match="worker-green is not healthy: it exited with code 1") as caught:
        up_green.run(project, "1.6.8")
    assert caught.value.detail == "log of worker-green"
    assert engine.look("worker-green") is None
    assert resting.state["phase"] == "rest"


def test_a_worker_that_is_down_is_told_of_its_slot(resting: World) -> None:
    project, _ = project_of(resting, works=True)
    assert slots.fault(project, "blue", "1.6.7") == "worker-blue: it has no container"
    with pytest.raises(Refused, match="blue is not healthy: worker-blue"):
        up_green.run(project, "1.6.8")


EXAMPLE = (PATHS[0].parents[1] / "bgctl.example.toml").read_text()


def test_a_worker_is_nothing_that_the_proxy_knows() -> None:
    found = config.parse(EXAMPLE + WORKER)
    assert list(found.workers) == ["worker"]
    assert nginx_conf.render(found) == nginx_conf.render(config.parse(EXAMPLE))
    assert settings_json.render(found) == settings_json.render(config.parse(EXAMPLE))
    assert config.parse(EXAMPLE + "[services.worker]\nroutes = []\n").services["worker"].health.by_engine


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ('routes = []\nhealth = "/healthz"', "services.worker.health: is a path, and it has no address"),
        ("routes = []\nmirror = 5", "services.worker.mirror: is for a service with an address"),
        ('routes = []\ntimeout = "5s"', "services.worker.timeout: is for a service with an address"),
        ('routes = []\nblue = "127.0.0.1:1"\nhealth = "/h"', 'needs blue = "IP:port" and green'),
        ('routes = ["/w/"]\nhealth = "/h"', 'needs blue = "IP:port" and green'),
    ],
)
def test_what_no_worker_can_have(lines: str, complaint: str) -> None:
    with pytest.raises(Refused, match=re.escape(complaint)):
        config.parse(f"{EXAMPLE}[services.worker]\n{lines}\n")


def test_workers_alone_are_no_release() -> None:
    text = '[project]\nname = "shop"\n[services.worker]\nroutes = []\n'
    with pytest.raises(Refused, match="no service has two slots"):
        config.parse(text)


def test_how_a_one_shot_and_a_podman_health_check_are_run() -> None:
    commands = Commands("podman", ("podman-compose",), "shop", ("compose.yaml",), ".env")
    options = "--project-name shop --file compose.yaml --env-file .env --profile deployment"
    assert " ".join(commands.run_once("migrate", "1.6.8")) == (
        f"podman-compose {options} run -d -T --no-deps -e BGCTL_VERSION=1.6.8 migrate"
    )
    assert commands.start("a1") == ["podman", "start", "a1"]
    assert commands.check_health("a1") == ["podman", "healthcheck", "run", "a1"]


@pytest.mark.parametrize(
    ("image", "runs"), [("shop:1", True), ("shop:2", False), ("op:1", False), ("", True)]
)
def test_podman_writes_the_registry_of_an_image_out(image: str, runs: bool) -> None:
    assert container(image="localhost/shop:1").runs(image) is runs


# Status and doctor


@pytest.mark.threat(87)
def test_87_status_and_doctor_name_what_is_not_running(resting: World) -> None:
    project, engine = project_of(resting)
    needs_file.write(project.needs_path, ["db", "cache"])
    engine.found += [container("db", "exited", 137), container("cache", health="starting")]
    view = gather(project)
    assert view.needs == {"db": "it exited with code 137"}
    assert doctor(project) == [("fail", "db does not do its work: it exited with code 137")]
    engine.found = [container("db", health="healthy")]
    assert doctor(project) == [("ok", "start first: db; once for each version: migrate")]


def test_doctor_asks_for_no_dependency_before_the_first_start(world: World) -> None:
    project, engine = project_of(world)
    assert doctor(project) == [("ok", "start first: db; once for each version: migrate")]
    engine.missing = {"postgres:17", "shop:1.6.7"}
    assert [result for result, _ in doctor(project)] == ["fail", "fail"]


def doctor(project: Project) -> list[tuple[str, str]]:
    looks, wanted = Looks(), Preflight(project, ("1.6.7", "1.6.7"), preflight.all_services(project))
    looks.take("dependencies", lambda: dependency_problems(project, wanted, "1.6.7"))
    return [(each.result, each.seen) for each in looks.findings]


def test_a_note_that_is_no_note_names_nothing(tmp_path: Path) -> None:
    for text in ("", "{", '{"a": 1}', "[1]"):
        (tmp_path / "needs.json").write_text(text)
        assert needs_file.read(tmp_path / "needs.json") == []


def test_a_compose_file_that_broke_keeps_nobody_from_going_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("draining", DRAIN, GREEN, "drain")
    project, engine = project_of(world, works=True)
    engine.up("worker-blue", project.compose_env("1.6.7", "1.6.8"))
    monkeypatch.setattr(engine, "compose", lambda env: _fail())
    rollback.run(project)
    assert world.state["phase"] == "rest"
