"""The command lines for a swarm."""

from toolkit.config.engines import SWARM
from toolkit.swarm.commands import SwarmCommands

COMMANDS = SwarmCommands("docker", ("docker-compose",), "shop", ("compose.yaml",), ".env")


def test_a_stack_file_comes_on_standard_input_with_the_log_in_of_the_registry() -> None:
    said = "docker stack deploy --compose-file - --with-registry-auth --resolve-image never shop"
    assert COMMANDS.deploy() == said.split()


def test_the_log_of_a_container_is_that_of_its_service() -> None:
    said = "docker service logs --raw --tail 20 --timestamps s1"
    assert COMMANDS.logs("s1.abc", 20, "--timestamps") == said.split()


def test_it_is_docker_by_another_name() -> None:
    assert COMMANDS.kind is SWARM and COMMANDS.kind.binary == "docker"
    assert COMMANDS.compose_kind.name == "docker-compose"
    assert COMMANDS.piped.kind is SWARM, "a compose file on standard input is for the same engine"
