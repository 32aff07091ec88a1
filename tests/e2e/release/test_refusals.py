"""What bgctl refuses or undoes, and that nothing has changed then: real commands, exit codes, words."""

from __future__ import annotations

import re
import socket

import pytest

from tests.e2e.support.stacks import NEW, OLD, eventually, running


@pytest.fixture(scope="module")
def resting(tmp_path_factory):
    """A stack at rest on OLD; every test leaves it so."""
    with running(tmp_path_factory.mktemp("refusals") / "project", health_timeout="5s") as one:
        yield one


@pytest.fixture(autouse=True)
def unchanged(resting):
    """Whatever was refused: routing, versions and containers are as before."""
    before = resting.state(), (resting.directory / ".env").read_bytes()
    yield
    assert (resting.state(), (resting.directory / ".env").read_bytes()) == before
    assert resting.containers("frontend-green") == []
    assert resting.version_of(resting.visitor()) == OLD


def refused(stack, *command, code=3):
    done = stack.bgctl(*command, code=code)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    return said


@pytest.mark.threat(33)
def test_33_an_image_that_is_nowhere(resting):
    assert "9.9.9" in refused(resting, "up-green", "9.9.9")


@pytest.mark.threat(50, 95)
@pytest.mark.parametrize(
    ("was", "becomes", "said", "next"),
    [
        (
            "image: ${REGISTRY_URL}/${REGISTRY_USER}/demo-app:${VERSION}",
            "image: 127.0.0.1:1/shop/demo-app:${VERSION}",
            "127.0.0.1:1/shop/demo-app:1.6.8 could not be pulled: .*connection refused",
            "see whether 127.0.0.1:1 answers, then: docker pull 127.0.0.1:1/shop/demo-app:1.6.8",
        ),
        (
            "image: ${REGISTRY_URL}/${REGISTRY_USER}/demo-app:${CURRENT_VERSION}",
            "image: shop/demo-app:1.6.7",
            r"compose.yaml:\d+: frontend-blue is the same .* image: shop/demo-app:\$\{CURRENT_VERSION\}",
            "edit compose.yaml",
        ),
        (
            "image: ${REGISTRY_URL}/${REGISTRY_USER}/demo-app:${VERSION}",
            "build: .",
            r"compose.yaml:\d+: frontend-green is built .*: write image: .*-frontend:\$\{VERSION\}",
            "edit compose.yaml",
        ),
        ("profiles: [deployment]", "nonsense: 1", "Unsupported .* 'nonsense'", "edit compose.yaml"),
    ],
    ids=["pull", "no-version", "no-name", "compose"],
)
def test_50_95_an_image_or_a_compose_file_that_will_not_do(resting, was, becomes, said, next):
    path = resting.directory / "compose.yaml"
    good = path.read_text()
    assert good.count(was) == 1
    path.write_text(good.replace(was, becomes))
    try:
        answer = refused(resting, "up-green", NEW)
        assert re.search(said, answer), answer
        assert f"next: {next}" in answer
        if "CURRENT_VERSION" in was:
            assert re.search(said, refused(resting, "doctor", "--json", code=1))
    finally:
        path.write_text(good)


@pytest.mark.threat(34)
def test_34_a_port_that_is_taken(resting):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", resting.ports.green))
        taken.listen()
        assert str(resting.ports.green) in refused(resting, "up-green", NEW)


@pytest.mark.parametrize("version", [OLD, "", "../x", "1 2", "-x", "v" * 65, "1.6.8\n"])
def test_a_version_that_cannot_be_released(resting, version):
    assert resting.bgctl("up-green", "--", version, code=None).returncode in (2, 3)


@pytest.mark.threat(35, 36)
@pytest.mark.parametrize(
    ("image", "seen"),
    [
        ("1.6.8-unhealthy", "500"),
        ("1.6.8-wrong-version", r"0\.0\.0"),
        ("1.6.8-crash", "exit|refused|stopped"),
    ],
)
def test_35_36_a_candidate_that_does_not_prove_itself(resting, image, seen):
    """Unhealthy, of another version, or dead after its first good answer: stopped, with its log shown."""
    said = refused(resting, "up-green", image, code=1)
    assert re.search(seen, said), said


@pytest.mark.threat(45)
@pytest.mark.parametrize(
    "command",
    [
        ("promote",),
        ("drain", "--timeout", "1s"),
        ("route", "enable-green"),
        ("route", "disable-blue"),
        ("route", "canary", "10"),
    ],
)
def test_45_what_needs_a_release_under_way(resting, command):
    assert "up-green" in refused(resting, *command)


@pytest.mark.threat(48)
def test_48_cron_has_nothing_to_do_at_rest(resting):
    done = resting.bgctl("drain", "--auto")
    assert done.stdout + done.stderr == ""


@pytest.mark.threat(45)
def test_45_a_rollback_with_nothing_to_roll_back_is_no_error(resting):
    resting.bgctl("rollback")
    resting.bgctl("rollback")


@pytest.mark.parametrize(
    "command", [("route", "canary", "101"), ("route", "canary", "x"), ("route", "purple"), ("nonsense",)]
)
def test_usage_is_2(resting, command):
    refused(resting, *command, code=2)


@pytest.mark.threat(50)
@pytest.mark.parametrize(
    ("file", "was", "becomes"),
    [
        ("bgctl.toml", "[project]", "[project"),
        ("bgctl.toml", 'health = "/healthz"', 'health = "healthz"'),
        ("bgctl.toml", "workers = 2", 'workers = "two"'),
        ("bgctl.toml", "[drain]", "[drian]"),
        (".env", "VERSION=1.6.7\nBLUE", "VERSION 1.6.7\nBLUE"),
        (".env", "CURRENT_VERSION=1.6.7", "CURRENT_VERSION="),
    ],
)
def test_50_a_mistake_in_a_file_is_named_with_its_line(resting, file, was, becomes):
    path = resting.directory / file
    good = path.read_text()
    assert good.count(was) == 1
    line = good[: good.index(was)].count("\n") + 1
    path.write_text(good.replace(was, becomes))
    try:
        assert f"{file}:{line}" in refused(resting, "up-green", NEW)
    finally:
        path.write_text(good)


def test_an_empty_configuration_is_refused(resting):
    path = resting.directory / "bgctl.toml"
    good = path.read_text()
    path.write_text("")
    try:
        assert "bgctl.toml" in refused(resting, "status")
    finally:
        path.write_text(good)


def test_an_engine_that_is_missing(resting):
    path = resting.directory / "bgctl.toml"
    good = path.read_text()
    path.write_text(good.replace('engine = "docker"', 'engine = "rkt"'))
    try:
        assert "bgctl.toml:3" in refused(resting, "up-green", NEW)
    finally:
        path.write_text(good)


def test_dry_runs_change_nothing(resting):
    for command in (("up",), ("up-green", NEW), ("rollback",)):
        resting.bgctl(*command, "--dry-run")


def test_up_again_is_no_op(resting):
    ids = resting.containers()
    resting.bgctl("up")
    assert resting.containers() == ids


def test_doctor_is_content(resting):
    checks = resting.ask("doctor")
    assert [check for check in checks["checks"] if check["result"] == "fail"] == []
    eventually(lambda: resting.bgctl("doctor").returncode == 0, "doctor says yes")
