"""What counts as a setting of a container, and what is no difference although it is printed otherwise."""

from pathlib import Path
from typing import Any

import pytest

from toolkit.drift import fingerprints, settings
from toolkit.state.started import Started

KEY = b"k" * 32
SERVICE: dict[str, Any] = {
    "image": "shop:1.6.7",
    "environment": {"DATABASE_URL": "pg://secret", "DEBUG": True, "VERSION": "1.6.7", "BARE": None},
    "ports": [{"target": 8000, "published": "8081"}],
    "build": {"context": "/shop"},
    "depends_on": {"db": {"condition": "service_healthy"}},
    "profiles": ["deployment"],
    "restart": "no",
    "user": "10001:10001",
    "stop_grace_period": "10s",
    "deploy": {"replicas": 3, "resources": {"limits": {"memory": "64M"}}},
    "x-note": "anything",
    "tmpfs": [],
}


def of(service: dict[str, Any], root: Path = Path("/"), **by_design: object) -> dict[str, str]:
    return settings.of(service, {"services": {}}, root, "1.6.7", by_design)


def differing(
    one: dict[str, Any], other: dict[str, Any], form: str = "a", root: Path = Path("/")
) -> list[str]:
    before, now = (
        Started("id", "key", form, fingerprints.of(of(each, root), KEY))
        for each, form in ((one, "a"), (other, form))
    )
    return fingerprints.differing(before, now)


def test_what_is_a_setting() -> None:
    found = of(SERVICE, user="10001:10001", restart=None)
    assert found.keys() == {"image", "ports", "deploy", "environment.DATABASE_URL", "environment.DEBUG"}
    assert "replicas" not in found["deploy"]
    assert {"user", "restart"} <= of(SERVICE, user="0:0").keys()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"environment": {"DATABASE_URL": "pg://other", "DEBUG": True}}, ["DATABASE_URL"]),
        ({"environment": {"DATABASE_URL": "pg://secret"}}, ["DEBUG"]),
        ({"environment": SERVICE["environment"] | {"NEW": ""}, "command": ["x"]}, ["NEW", "command"]),
        ({"deploy": {"replicas": 3, "resources": {"limits": {"memory": "32M"}}}}, ["deploy"]),
        ({"ports": [{"target": 8000, "published": "9081"}], "mem_limit": "1g"}, ["mem_limit", "ports"]),
        ({"restart": "always"}, ["restart"]),
    ],
)
def test_what_differs_is_told_by_its_name(changed: dict[str, Any], told: list[str]) -> None:
    assert differing(SERVICE, SERVICE | changed) == told


@pytest.mark.parametrize(
    "changed",
    [
        {
            "environment": [
                "DATABASE_URL=pg://secret",
                "DEBUG=true",
                "VERSION=1.6.8",
                "CURRENT_VERSION=1",
                "BARE",
            ]
        },
        {"build": ".", "depends_on": ["db"], "profiles": [], "scale": 2, "stop_grace_period": "20s"},
        {"deploy": {"replicas": 5, "resources": {"limits": {"memory": "64M"}}}, "x-note": "another"},
        {"volumes": [], "labels": {}, "command": None},
    ],
)
def test_what_is_no_difference(changed: dict[str, Any]) -> None:
    assert differing(SERVICE, SERVICE | changed) == []


def test_of_two_compose_commands_only_what_both_print_alike_is_compared() -> None:
    other = SERVICE | {
        "ports": ["8081:8000"],
        "image": "shop:2",
        "environment": {"DATABASE_URL": "pg://secret"},
    }
    assert differing(SERVICE, other, form="b") == ["DEBUG", "image"]


def test_with_another_key_nothing_is_known() -> None:
    before = Started("id", "one", "a", {"image": "x"})
    assert fingerprints.differing(before, Started("id", "two", "a", {})) == []


def test_an_env_file_is_its_variables_whoever_reads_it(tmp_path: Path) -> None:
    """podman-compose leaves it to the start; docker's commands print its variables as `environment`."""
    (tmp_path / "web.env").write_text("A=1\nB='two'\nVERSION=1.6.6\nTAG=v${VERSION}\n")
    left = {"env_file": [{"path": "web.env"}, "gone.env"], "environment": {"B": "own"}}
    inlined = {"environment": {"A": "1", "B": "own", "TAG": "v1.6.7"}}
    assert differing(left, inlined, root=tmp_path) == []
    (tmp_path / "odd.env").write_text("no statement\n")
    assert differing({"env_file": "odd.env"}, {}, root=tmp_path) == ["odd.env"]


def test_a_rotated_secret_file_is_a_difference(tmp_path: Path) -> None:
    document = {"secrets": {"db": {"file": "./db.txt"}, "other": {"external": True}}}
    service = {"secrets": ["db", {"source": "other", "target": "o"}]}
    (tmp_path / "db.txt").write_text("one")
    before = settings.of(service, document, tmp_path, "1", {})
    (tmp_path / "db.txt").write_text("two")
    now = settings.of(service, document, tmp_path, "1", {})
    assert before.keys() == {"secret db", "secret other"}
    assert {name for name in now if now[name] != before[name]} == {"secret db"}


def test_a_print_says_nothing_of_a_value() -> None:
    found = fingerprints.of(of(SERVICE), KEY)
    assert not any("secret" in each for each in found.values())
    assert found != fingerprints.of(of(SERVICE), b"another")
    same = fingerprints.of({"environment.A": "x", "environment.B": "x"}, KEY)
    assert same["environment.A"] != same["environment.B"], "that two variables are alike is not to be seen"
