"""The records of the engines: one entry each is all that configuration, messages and command lines need."""

import pytest

from toolkit.config import kinds
from toolkit.config.engines import ENGINES, NAMES
from toolkit.cron import units
from toolkit.engine.commands import Commands


def commands(binary: str, *compose: str) -> Commands:
    return Commands(binary, compose, "shop", ("compose.yaml",), ".env")


@pytest.mark.parametrize(
    ("called", "name", "resolves_env_file", "doubles_dollars"),
    [
        (commands("docker", "docker", "compose"), "docker compose", True, True),
        (commands("docker", "docker-compose"), "docker-compose", False, True),
        (commands("docker", "/opt/bin/docker-compose"), "docker-compose", False, True),
        (commands("podman", "podman-compose", "--in-pod=false"), "podman-compose", False, False),
        (commands("podman", "/venv/bin/podman-compose", "--in-pod=false"), "podman-compose", False, False),
        (commands("podman", "podman", "compose"), "podman compose", False, True),
    ],
)
def test_a_compose_command_is_recognised_by_its_words(
    called: Commands, name: str, resolves_env_file: bool, doubles_dollars: bool
) -> None:
    kind = called.compose_kind
    assert (kind.name, kind.resolves_env_file, kind.doubles_dollars) == (
        name,
        resolves_env_file,
        doubles_dollars,
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_engine_can_be_named_and_has_a_compose_command_to_install(name: str) -> None:
    assert kinds.Engine.parse(name) == name
    assert ENGINES[name].separate_compose.startswith(name)
    assert set(ENGINES[name].units) <= set(units.UNITS)


def test_what_is_no_engine_cannot_be_named() -> None:
    with pytest.raises(ValueError, match=", ".join(("auto", *NAMES))):
        kinds.Engine.parse("rkt")
