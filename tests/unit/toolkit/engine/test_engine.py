"""Whole commands, as they would be run, and how answers of docker and podman are read."""

import re
from pathlib import Path

import msgspec
import pytest

from toolkit.config import Config, parse
from toolkit.engine import engine
from toolkit.engine.compose import Compose, check, published
from toolkit.engine.engine import Commands, Container, container_user
from toolkit.errors import Failed, Refused

ROOT = Path(__file__).parents[4]
EXAMPLE = (ROOT / "bgctl.example.toml").read_text()
CONFIG = parse(EXAMPLE)
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
        (DOCKER.image("x:1"), "docker image inspect --format {{.Id}} x:1"),
        (DOCKER.pull("x:1"), "docker pull x:1"),
        (DOCKER.info(), "docker info --format {{json .SecurityOptions}}"),
        (PODMAN.info(), "podman info --format {{.Host.Security.Rootless}}"),
    ],
)
def test_commands(argv: list[str], expected: str) -> None:
    assert words(argv) == expected


@pytest.mark.parametrize(
    ("rootless", "uid", "gid", "expected"),
    [
        (False, 0, 0, "10001:10001"),
        (False, 1000, 100, "1000:100"),
        (True, 1000, 100, "0:0"),
        (True, 0, 0, "0:0"),
    ],
)
def test_who_the_containers_run_as(rootless: bool, uid: int, gid: int, expected: str) -> None:
    assert container_user(rootless, uid, gid) == expected


def container(status: str, running: bool, env: list[str] | None = None) -> Container:
    document = {
        "Id": "a1",
        "State": {"Status": status, "Running": running, "ExitCode": 137, "OOMKilled": True},
        "Config": {"Image": "x:1", "Env": env, "Labels": {"com.docker.compose.service": "frontend-green"}},
        "HostConfig": {"NetworkMode": "host"},
    }
    return msgspec.json.decode(msgspec.json.encode(document), type=Container)


def test_a_container_as_inspect_has_it() -> None:
    found = container("exited", False)
    assert (found.service, found.state.status, found.state.exit_code) == ("frontend-green", "exited", 137)


@pytest.mark.parametrize(
    ("env", "agrees"),
    [
        (None, True),
        ([], True),
        (["BGCTL_ISSUER=bgctl"], True),
        (["BGCTL_ISSUER=other"], False),
        (["X=other"], True),
    ],
)
def test_a_container_agrees_with_settings(env: list[str] | None, agrees: bool) -> None:
    assert container("running", True, env).agrees({"BGCTL_ISSUER": "bgctl"}) is agrees


class Answers(engine.Engine):
    """What is there is given; nothing is run."""

    def __init__(self, *containers: Container) -> None:
        super().__init__(DOCKER, ROOT)
        self.given = list(containers)

    def all(self) -> list[Container]:
        return self.given


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([], "its container is gone"),
        ([container("exited", False)], "its container exited with code 137"),
        ([container("running", True)], None),
        ([container("restarting", False)], None),
        ([container("created", False)], None),
    ],
)
def test_when_a_container_is_past_hope(found: list[Container], reason: str | None) -> None:
    assert Answers(*found).dead("frontend-green") == reason


@pytest.mark.parametrize("wanted", ["auto", "docker", "podman"])
def test_33_no_engine_is_refused(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.setattr(engine.runner, "which", lambda name: None)
    project = msgspec.structs.replace(CONFIG.project, engine=wanted)
    with pytest.raises(Refused, match="is not installed"):
        engine.Engine.detect(msgspec.structs.replace(CONFIG, project=project), ROOT)


ANY = {"0.0.0.0:8081", "[::]:8081"}


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ("127.0.0.1:8081:3000/tcp", {"127.0.0.1:8081"}),
        ("127.0.0.1:8081:3000", {"127.0.0.1:8081"}),
        ("[::1]:8081:3000", {"[::1]:8081"}),
        ("::1:8081:3000/tcp", {"[::1]:8081"}),
        ("[0:0:0:0:0:0:0:1]:8081:3000", {"[::1]:8081"}),
        (":::8081:3000/tcp", {"[::]:8081"}),
        ("[::]:8081:3000", {"[::]:8081"}),
        ("2001:db8::7:8081:3000/tcp", {"[2001:db8::7]:8081"}),
        ("0.0.0.0:8081:3000", {"0.0.0.0:8081"}),
        ("8081:3000", ANY),
        ("8081-8082:3000-3001", ANY | {"0.0.0.0:8082", "[::]:8082"}),
        ("[::1]:8081-8082:3000-3001/tcp", {"[::1]:8081", "[::1]:8082"}),
        (
            {"mode": "ingress", "host_ip": "127.0.0.1", "target": 3000, "published": "8081"},
            {"127.0.0.1:8081"},
        ),
        ({"host_ip": "::1", "target": 3000, "published": "8081", "protocol": "tcp"}, {"[::1]:8081"}),
        ({"host_ip": "[::1]", "target": 3000, "published": 8081}, {"[::1]:8081"}),
        ({"target": 3000, "published": 8081}, ANY),
        ({"target": 3000, "published": 8081, "protocol": "udp"}, set()),
        ({"target": 3000, "published": "8081-8081"}, ANY),
        ({"target": 3000}, set()),
        ("127.0.0.1::3000/tcp", set()),
        ("localhost:8081:3000", set()),
        ("3000", set()),
        (3000, set()),
        ("53:53/udp", set()),
    ],
)
def test_93_published_ports(port: object, expected: set[str]) -> None:
    assert published(port) == expected


RESOLVED = """
services:
  proxy: {image: "p:1", network_mode: host}
  session-api: {image: "s:1", ports: ["127.0.0.1:8090:8090/tcp"]}
  frontend-blue: {image: "f:1.6.7", ports: ["127.0.0.1:8081:3000"]}
  frontend-green: {image: "f:1.6.8", ports: [{host_ip: 127.0.0.1, published: "8083", target: 3000}]}
version: '3.9'
"""


def complain(resolved: str, config: Config = CONFIG) -> str:
    with pytest.raises(Refused) as caught:
        check(config, Compose.parse(resolved), ROOT / "compose" / "compose.yaml")
    return str(caught.value)


def test_a_compose_file_that_fits() -> None:
    found = Compose.parse(RESOLVED)
    check(CONFIG, found, ROOT / "compose" / "compose.yaml")
    assert found.image("frontend-green") == "f:1.6.8"


@pytest.mark.parametrize(
    ("entry", "built"),
    [("build: .", True), ("build: {context: ., dockerfile: Dockerfile}", True), ("image: x", False)],
)
def test_what_is_built_says_so(entry: str, built: bool) -> None:
    assert bool(Compose.parse(f"services: {{a: {{{entry}}}}}").services["a"].build) is built


def test_50_a_service_that_is_missing_is_named() -> None:
    assert "no service frontend-green" in complain(RESOLVED.replace("frontend-green", "frontend-grün"))


def test_50_a_port_that_does_not_fit_is_named_with_file_and_line() -> None:
    said = complain(RESOLVED.replace("8081", "8082"))
    text = (ROOT / "compose" / "compose.yaml").read_text().splitlines()
    line = next(number for number, each in enumerate(text, 1) if "BLUE_PORT" in each)
    assert said.startswith(f"compose.yaml:{line}: frontend-blue: ")
    assert "127.0.0.1:8081:PORT" in said


@pytest.mark.parametrize(
    "told", ["", "environment: {BGCTL_TOKEN_TTL: 604800}", "environment: [BGCTL_LEEWAY=60]"]
)
def test_a_session_api_that_is_not_told_how_long_tokens_last_is_named(told: str) -> None:
    day = parse(EXAMPLE.replace('longest = "7d"', 'longest = "1d"'))
    said = complain(RESOLVED.replace('image: "s:1"', f'image: "s:1", {told}'.rstrip(", ")), day)
    assert "BGCTL_TOKEN_TTL: ${BGCTL_TOKEN_TTL}" in said
    assert re.match(r"compose.yaml:\d+: session-api is told BGCTL_TOKEN_TTL=", said)
    for told in ("{BGCTL_TOKEN_TTL: 86400}", "[BGCTL_TOKEN_TTL=86400]", '{BGCTL_TOKEN_TTL: "86400"}'):
        fits = RESOLVED.replace('image: "s:1"', f'image: "s:1", environment: {told}')
        check(day, Compose.parse(fits), ROOT / "compose" / "compose.yaml")


def test_a_session_api_whose_tokens_the_proxy_would_refuse_is_named() -> None:
    month, day = (
        RESOLVED.replace('image: "s:1"', f'image: "s:1", environment: {{BGCTL_TOKEN_TTL: {seconds}}}')
        for seconds in (2592000, 86400)
    )
    assert "session-api is told BGCTL_TOKEN_TTL=2592000" in complain(month)
    check(parse(EXAMPLE), Compose.parse(day), ROOT / "compose" / "compose.yaml")


@pytest.mark.parametrize("told", ["", "environment: {BGCTL_VERSION_CLAIM: version}"])
def test_a_session_api_that_is_not_told_the_claim_of_the_version_is_named(told: str) -> None:
    nested = parse(EXAMPLE.replace('version_claim = "deploymentVersion"', 'version_claim = "app.version"'))
    said = complain(RESOLVED.replace('image: "s:1"', f'image: "s:1", {told}'.rstrip(", ")), nested)
    assert "BGCTL_VERSION_CLAIM: ${BGCTL_VERSION_CLAIM}" in said
    assert re.match(r"compose.yaml:\d+: session-api is told BGCTL_VERSION_CLAIM=", said)
    fits = RESOLVED.replace('image: "s:1"', 'image: "s:1", environment: {BGCTL_VERSION_CLAIM: app.version}')
    check(nested, Compose.parse(fits), ROOT / "compose" / "compose.yaml")
    assert "is told BGCTL_VERSION_CLAIM=app.version" in complain(fits)


@pytest.mark.parametrize("text", ["", "- a", "services: [a]", "services: {a: {image: 3}}", "{"])
def test_50_what_compose_prints_may_make_no_sense(text: str) -> None:
    with pytest.raises(Failed, match="not understood"):
        Compose.parse(text)


def test_compose_is_asked_once_for_each_environment_while_no_file_changes(tmp_path: Path) -> None:
    command, asked = tmp_path / "docker-compose", tmp_path / "asked"
    command.write_text(
        f'#!/bin/sh\necho "$VERSION" >> {asked}\n[ "$VERSION" = 9 ] && echo "no: $VERSION" >&2 && exit 1\n'
        'echo "services: {web: {image: \\"x:$VERSION\\"}}"\n'
    )
    command.chmod(0o755)
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    (tmp_path / ".env").write_text("A=1\n")
    commands = Commands("docker", (str(command),), "shop", ("compose.yaml",), ".env")
    found = engine.Engine(commands, tmp_path)
    found.__dict__.update(rootless=False, changes_restart=True)
    for version in ("1", "2", "1", "2"):
        assert found.compose({"VERSION": version}).image("web") == f"x:{version}"
    assert asked.read_text().split() == ["1", "2"]
    for _ in range(3):
        with pytest.raises(Refused, match="no: 9"):
            found.compose({"VERSION": "9"})
    assert asked.read_text().split() == ["1", "2", "9"]
    (tmp_path / ".env").write_text("A=1234\n")
    found.compose({"VERSION": "1"})
    assert asked.read_text().split() == ["1", "2", "9", "1"]
