"""Images: what an engine says when it fails, what compose says, and what that asks for next."""

import os
import shutil
from pathlib import Path

import pytest

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit import slots
from toolkit.config import parse
from toolkit.engine import compose_fit, diagnosis
from toolkit.engine.commands import Commands
from toolkit.engine.compose import Compose
from toolkit.engine.engine import Engine
from toolkit.errors import Failed, Refused, together
from toolkit.files import disk
from toolkit.release import shared_services

ROOT = Path(__file__).parents[4]
CONFIG = parse((ROOT / "bgctl.example.toml").read_text())
CASES = ROOT / "tests" / "cases" / "env"
REAL = pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")


class Local(Engine):
    """An engine whose programs are run, and that is known to be root's docker."""

    rootless, changes_restart = False, True

    def __init__(self, root: Path, compose: str = "docker-compose") -> None:
        super().__init__(Commands("docker", (compose,), "shop", ("compose.yaml",), ".env"), root)


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, name: str = "docker") -> None:
    """A program of this name that does only this."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("app:1.6.8", ""),
        ("ada/app:1.6.8", ""),
        ("localhost/app:1.6.8", ""),
        ("localhost:5000/app:1.6.8", "localhost:5000"),
        ("registry.example/ada/app:1.6.8", "registry.example"),
        ("registry:5000/app", "registry:5000"),
        ("[::1]:5000/app", "[::1]:5000"),
        ("app@sha256:00", ""),
    ],
)
def test_which_registry_a_name_says(image: str, registry: str) -> None:
    assert diagnosis.registry_of(image) == registry


@pytest.mark.threat(95)
@pytest.mark.parametrize(
    ("said", "next"),
    [
        ("dial tcp: lookup r.example: no such host", "see whether r.example answers"),
        ("dial tcp 10.0.0.1:443: connect: connection refused", "see whether r.example answers"),
        ("unauthorized: authentication required", "docker login r.example, then: docker pull"),
        ("pull access denied for x, may require 'docker login'", "docker login r.example"),
        ("manifest unknown: manifest unknown", "see whether that name and tag have been pushed"),
        (
            "write /var/lib/docker/tmp/x: no space left on device",
            "docker system df, then: docker image prune",
        ),
        ("toomanyrequests: You have reached your pull rate limit", "docker login r.example, or wait"),
        ("x509: certificate signed by unknown authority", "see how docker is to trust r.example"),
        ("something new", "docker pull r.example/app:1"),
    ],
)
def test_95_a_pull_that_fails_says_why_and_what_next(
    said: str, next: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, f'echo "Error response from daemon: {said}" >&2; exit 1')
    with pytest.raises(Failed) as caught:
        Local(tmp_path).pull("r.example/app:1")
    assert said in str(caught.value)
    assert caught.value.next.startswith(next)
    assert ("the disk is full" in str(caught.value)) == ("no space" in said)


@pytest.mark.threat(95)
def test_95_a_push_without_a_log_in_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "echo 'denied: requested access to the resource is denied' >&2; exit 1")
    with pytest.raises(Failed, match="app:1 could not be pushed: denied") as caught:
        Local(tmp_path).push("app:1")
    assert caught.value.next == "docker login, then: docker push app:1"


@pytest.mark.threat(97)
def test_97_a_build_on_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "echo Step 3; echo 'write /x: no space left on device'; echo 'Service failed to build' >&2; exit 1"
    )
    program(tmp_path, monkeypatch, script, "docker-compose")
    with pytest.raises(Failed, match="web could not be built: the disk is full") as caught:
        Local(tmp_path).build(["web"], {"VERSION": "1.6.8"})
    assert "no space left on device" in caught.value.detail
    assert caught.value.next.startswith(
        "docker system df, then: docker image prune; then: VERSION=1.6.8 docker-compose"
    )


@pytest.mark.threat(95)
def test_95_a_build_that_fails_shows_its_end_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("PASSWORD='s3cret!'\n")
    script = "for i in $(seq 30); do echo line $i; done; echo 'login with s3cret! failed'; exit 1"
    program(tmp_path, monkeypatch, script, "docker-compose")
    with pytest.raises(Failed) as caught:
        Local(tmp_path).build(["web"], {"VERSION": "1.6.8"})
    assert caught.value.detail.splitlines()[-1] == "login with ${PASSWORD} failed"
    assert caught.value.detail.startswith("line 12\n")
    assert "s3cret" not in str(caught.value)


@pytest.mark.threat(95)
def test_95_every_image_that_is_missing_is_named_with_the_reason(world: World) -> None:
    world.put("rest", READY, NONE)
    project, fake = project_of(world)
    fake.images = {
        "proxy": "r.example/proxy:1",
        "session-api": "localhost/api:1",
        "frontend-blue": "shop:1.6.7",
    }
    fake.missing, fake.builds = set(fake.images.values()), {"frontend-blue"}

    def pull(image: str) -> None:
        raise Failed(f"{image} could not be pulled", "no such host", "see whether r.example answers")

    fake.pull = pull  # type: ignore[method-assign]
    env = project.compose_env("1.6.7", "1.6.8")
    with pytest.raises(Refused) as caught:
        slots.check_images(project, fake.compose(env), list(fake.images), pull=True, env=env)
    for part in fake.missing:
        assert part in caught.value.what
    assert "r.example/proxy:1 could not be pulled: no such host" in caught.value.why
    build = "VERSION=1.6.8 docker-compose build frontend-blue"
    assert (
        caught.value.next
        == f"see whether r.example answers; docker build --tag localhost/api:1 FOLDER; {build}"
    )


BUILT = """
services:
  proxy: {image: "p:1", network_mode: host}
  session-api: {image: "s:1", ports: ["127.0.0.1:8090:8090/tcp"]}
  frontend-blue: {build: ., image: "f:1.6.7", ports: ["127.0.0.1:8081:3000"]}
  frontend-green: {build: ., image: "f:1.6.8", ports: ["127.0.0.1:8083:3000"]}
"""


def test_a_build_without_a_name_is_refused_with_the_lines_to_write(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(BUILT.replace(', image: "f:1.6.7"', "").replace(', image: "f:1.6.8"', ""))
    with pytest.raises(Refused) as caught:
        compose_fit.check(CONFIG, Compose.parse(path.read_text()), path)
    said = f"{caught.value}\n{caught.value.detail}"
    built = "is built without a name: write image:"
    assert f"compose.yaml:5: frontend-blue {built} shop-frontend:${{CURRENT_VERSION}}" in said
    assert f"compose.yaml:6: frontend-green {built} shop-frontend:${{VERSION}}" in said


@pytest.mark.parametrize(
    ("image", "line"),
    [
        ("r.example:5000/f", "image: r.example:5000/f:${VERSION}"),
        ("r.example/f:latest", "image: r.example/f:${VERSION}"),
        ("f:1.6.7", "image: f:${VERSION}"),
    ],
)
def test_a_slot_that_is_the_same_on_every_version_is_refused(tmp_path: Path, image: str, line: str) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(BUILT.replace("f:1.6.8", image).replace("f:1.6.7", "f:9"))
    with pytest.raises(Refused) as caught:
        raise together(list(compose_fit.alike(CONFIG, Compose.parse(path.read_text()), [path], ("9", "10"))))
    assert str(caught.value) == f"compose.yaml:6: frontend-green is the same on every version: write {line}"
    told = path.read_text().replace('build: ., image: "', 'environment: {V: 10}, image: "')
    assert not list(compose_fit.alike(CONFIG, Compose.parse(told), [path], ("9", "10")))


@pytest.mark.threat(50)
@REAL
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: {a: {image: x, nonsense: 1}}", "Unsupported config option for services.a: 'nonsense'"),
        ("services: {a: {image: 'x:${VERSION'}}", "Invalid interpolation format"),
        ("services: {a: [", "while parsing"),
    ],
)
def test_50_what_compose_refuses_is_told_in_its_words(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "compose.yaml").write_text(text)
    (tmp_path / ".env").touch()
    with pytest.raises(Refused, match=said) as caught:
        Local(tmp_path).compose({})
    assert str(caught.value).startswith("docker-compose refuses compose.yaml: it says: ")
    assert caught.value.next == "edit compose.yaml"


@pytest.mark.threat(88)
def test_88_a_value_that_compose_quotes_is_told_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "compose.yaml").touch()
    (tmp_path / ".env").write_text("PASSWORD=s3cret-of-the-shop\nVERSION=1.6.8\n")
    script = "echo 'invalid hostPort: s3cret-of-the-shop of 1.6.8' >&2; exit 1"
    program(tmp_path, monkeypatch, script, "docker-compose")
    with pytest.raises(Refused, match=r"it says: invalid hostPort: \$\{PASSWORD\} of 1.6.8"):
        Local(tmp_path).compose({})


@pytest.mark.threat(88)
@REAL
def test_88_the_session_api_gets_the_store_as_plain_compose_gives_it(world: World) -> None:
    shutil.copy(CASES / "no-newline-and-interpolation.env", world.root / ".env")
    project, _ = project_of(world)
    found = Local(world.root).compose(project.compose_env("1.6.7", "1.6.8"))
    assert found.services["session-api"].variable("BGCTL_STORE") == "redis://:s3cret@cache:6379/0"
    assert shared_services.stores(project, found) == ["cache"]


@pytest.mark.threat(88)
@REAL
def test_88_a_dollar_in_a_password_is_one_dollar(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {a: {image: x, environment: [P=a$$b]}}")
    (tmp_path / ".env").touch()
    assert Local(tmp_path).compose({}).services["a"].variable("P") == "a$b"


@pytest.mark.threat(88)
@REAL
@pytest.mark.parametrize("exported", [False, True])
def test_88_a_tag_that_follows_from_the_version_follows_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exported: bool
) -> None:
    if exported:
        monkeypatch.setenv("TAG", "mine")
    (tmp_path / "compose.yaml").write_text("services: {a: {image: 'x:${TAG}'}}")
    (tmp_path / ".env").write_text("VERSION=1.6.8\nTAG=v${VERSION}\n")
    assert Local(tmp_path).compose({"VERSION": "1.6.9"}).image("a") == ("x:mine" if exported else "x:v1.6.9")


def test_a_store_that_cannot_be_read_is_left_to_the_session_api() -> None:
    assert shared_services.host_of("redis://:p[ss@cache") is None
    assert shared_services.host_of("redis://:pass@cache:6379/0") == "cache"


@pytest.mark.threat(97)
def test_97_a_full_disk_is_named_with_the_place_and_a_command(tmp_path: Path) -> None:
    error = disk.unwritten(tmp_path / "not" / "there", OSError(28, "No space left on device"))
    assert f"the disk is full: No space left on device below {disk.mount_of(tmp_path)}" in str(error)
    assert error.next.startswith(f"free some space: df -h {tmp_path}; docker system df")
    assert disk.unwritten(tmp_path, OSError(5, "Input/output error")).next == "bgctl doctor"
