"""Whole commands, as they would be run."""

from pathlib import Path

import pytest

from toolkit.engine.commands import Commands

DOCKER = Commands("docker", ("docker-compose",), "shop", ("compose.yaml",), ".env")
PLUGIN = Commands("docker", ("docker", "compose"), "shop", ("compose.yaml",), ".env")
PODMAN = Commands(
    "podman", ("podman-compose", "--in-pod=false"), "shop", ("base.yaml", "prod.yaml"), "prod.env"
)


def words(argv: list[str]) -> str:
    return " ".join(argv)


OPTIONS = "--project-name shop --file compose.yaml --env-file .env --profile deployment"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (DOCKER.up("frontend-green"), f"docker-compose {OPTIONS} up -d --no-deps frontend-green"),
        (PLUGIN.up("frontend-green"), f"docker compose {OPTIONS} up -d --no-deps frontend-green"),
        (
            PODMAN.up("frontend-green"),
            "podman-compose --in-pod=false --project-name shop --file base.yaml --file prod.yaml"
            " --env-file prod.env --profile deployment up -d --no-deps frontend-green",
        ),
        (DOCKER.build("a-green", "b-green"), f"docker-compose {OPTIONS} build a-green b-green"),
        (PLUGIN.build("a-green"), f"docker compose {OPTIONS} build a-green"),
        (PODMAN.push("x:1"), "podman push x:1"),
        (PODMAN.push("x:1", Path("/d")), "podman push --digestfile /d x:1"),
        (DOCKER.tag("ab12", "x:1"), "docker tag ab12 x:1"),
        (DOCKER.remove_image("x:1"), "docker rmi x:1"),
        (DOCKER.image_facts("x:1"), "docker image inspect x:1"),
        (DOCKER.users("ab12"), "docker ps --all --filter ancestor=ab12 --format {{.Names}}"),
        (DOCKER.config(), f"docker-compose {OPTIONS} config"),
        (DOCKER.ids(), "docker ps --all --quiet --filter label=com.docker.compose.project=shop"),
        (PODMAN.ids(), "podman ps --all --quiet --filter label=com.docker.compose.project=shop"),
        (DOCKER.inspect("a1", "b2"), "docker inspect a1 b2"),
        (DOCKER.stop("a1", 10), "docker stop -t 10 a1"),
        (DOCKER.remove("a1"), "docker rm --force a1"),
        (PODMAN.remove("a1", volumes=True), "podman rm --force --volumes a1"),
        (DOCKER.stop("a1", 0.5), "docker stop -t 1 a1"),
        (PODMAN.kill("a1", "HUP"), "podman kill --signal HUP a1"),
        (PODMAN.logs("a1", 20), "podman logs --tail 20 a1"),
        (DOCKER.exec("a1", "/opt/bgctl/proxy", "-t"), "docker exec a1 /opt/bgctl/proxy -t"),
        (
            DOCKER.try_out("x:1", Path("/srv/shop/new"), "/etc/bgctl", "0:0", ["ipv4"], "-t"),
            "docker run --rm --network none --sysctl net.ipv4.ip_nonlocal_bind=1 --read-only --cap-drop ALL "
            "--tmpfs /tmp:mode=1777 --user 0:0 "
            "--mount type=bind,source=/srv/shop/new,target=/etc/bgctl,readonly x:1 -t",
        ),
        (DOCKER.image("x:1"), "docker image inspect --format {{.Id}} {{json .Config.Volumes}} x:1"),
        (DOCKER.pull("x:1"), "docker pull x:1"),
        (DOCKER.info(), "docker info --format {{json .SecurityOptions}}"),
        (PODMAN.info(), "podman info --format {{.Host.Security.Rootless}}"),
    ],
)
def test_commands(argv: list[str], expected: str) -> None:
    assert words(argv) == expected
