"""A folder before it has a bgctl.toml: its name, the order of its services, what is missing in it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from toolkit.config import ProjectTable
from toolkit.config.kinds import Name
from toolkit.engine import compose_lines
from toolkit.engine.commands import Commands
from toolkit.engine.compose import Compose
from toolkit.engine.compose_files import Chosen
from toolkit.engine.container import PROJECT, SERVICE, Container, Settings, Status
from toolkit.engine.engine import Engine
from toolkit.errors import Failed, Refused
from toolkit.init import surroundings

ANY = Compose.parse("services: {web: {image: x}}")


def container(project: str, service: str) -> Container:
    labels = {PROJECT: project, SERVICE: service}
    return Container(service, Status("running", True), Settings(labels=labels))


class Told(Engine):
    """An engine that has these containers, and whose compose command answers so."""

    def __init__(self, root: Path, *there: Container, refused: str = "") -> None:
        super().__init__(Commands("docker", ("docker-compose",), "shop", ("compose.yaml",), ".env"), root)
        self._there, self._refused = there, refused
        self.asked: list[Mapping[str, str]] = []

    def containers(self) -> dict[str, Container]:
        return {each.service: each for each in self._there if each.project == "shop"}

    def elsewhere(self) -> list[Container]:
        return [each for each in self._there if each.project != "shop"]

    def compose(self, env: Mapping[str, str]) -> Compose:
        self.asked.append(env)
        if self._refused and not env:
            raise Refused(
                "docker-compose refuses compose.yaml", f"it says: {self._refused}", "edit compose.yaml"
            )
        return ANY


@pytest.mark.parametrize(
    ("there", "name", "services"),
    [
        ([], "shop", []),
        ([("shop", "web")], "shop", ["web"]),
        ([("old", "web"), ("old", "db")], "old", ["web", "db"]),
        ([("shop", "web"), ("old", "db")], "shop", ["web"]),
        ([("one", "web"), ("two", "web")], "shop", []),
    ],
)
def test_the_project_is_the_one_whose_volumes_are_in_use(
    tmp_path: Path, there: list[tuple[str, str]], name: str, services: list[str]
) -> None:
    engine = Told(tmp_path, *(container(*each) for each in there))
    guess, containers = surroundings._own_name(engine, "shop")
    assert (guess.value, list(containers)) == (name, services)


def test_a_silent_engine_leaves_the_plain_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Told(tmp_path)

    def fail() -> dict[str, Container]:
        raise Failed("docker does not answer")

    monkeypatch.setattr(engine, "containers", fail)
    guess, containers = surroundings._own_name(engine, "shop")
    assert (guess.value, containers) == ("shop", {})


def test_a_folder_whose_name_makes_none_for_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)
    root = tmp_path / "..."
    root.mkdir()
    with pytest.raises(Refused, match="has no name for a project") as caught:
        surroundings._plain_name(ProjectTable(Name("x")), root, Chosen(("compose.yaml",)))
    assert caught.value.next == "echo COMPOSE_PROJECT_NAME=shop >> .env, then: bgctl init"


def test_compose_is_asked_without_a_version_first(tmp_path: Path) -> None:
    engine = Told(tmp_path)
    assert surroundings._compose(engine, tmp_path, "") == ANY
    assert engine.asked == [{}]
    insists = Told(tmp_path, refused="required variable VERSION is missing a value")
    assert surroundings._compose(insists, tmp_path, "") == ANY
    assert insists.asked == [{}, {"CURRENT_VERSION": "1", "VERSION": "1"}]
    given = Told(tmp_path)
    surroundings._compose(given, tmp_path, "2")
    assert given.asked == [{"CURRENT_VERSION": "2", "VERSION": "2"}]


def test_an_env_file_that_a_service_needs_and_nobody_has_made(tmp_path: Path) -> None:
    engine = Told(tmp_path, refused=f"Couldn't find env file: {tmp_path}/.env")
    with pytest.raises(Refused) as caught:
        surroundings._compose(engine, tmp_path, "")
    assert caught.value.next == "touch .env, then: bgctl init"
    found = Compose.parse(
        "services: {a: {image: x, env_file: [{path: b.env, required: false}, c.env]}, d: {image: x}}"
    )
    with pytest.raises(Refused, match=r"c\.env does not exist") as caught:
        surroundings._check_env_files(found, tmp_path)
    (tmp_path / "c.env").touch()
    surroundings._check_env_files(found, tmp_path)


def test_services_are_in_the_order_of_the_files(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services:\n  web:\n    profiles: [a]\n  api: {image: x}\nvolumes:\n  data: {}\n")
    assert compose_lines.services([path]) == ["web", "api"]
    assert compose_lines.with_key([path], "profiles") == ["web"]
    sorted_by_compose = Compose.parse("services: {api: {image: x}, more: {image: x}, web: {image: x}}")
    assert list(surroundings._in_order(sorted_by_compose, [path]).services) == ["web", "api", "more"]
