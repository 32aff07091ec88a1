"""What init says at its end: the commands to type, in their order."""

from pathlib import Path

import pytest

from tests.unit.toolkit.support.init_worlds import Planned, around
from toolkit.engine import ports
from toolkit.init import farewell
from toolkit.init.files import Change
from toolkit.init.plan import Given

LAST = ["bgctl up", "bgctl deploy VERSION   (for each new version)"]


def steps(
    root: Path, text: str, given: Given | None = None, *running: str, name: str = "shop", source: str = ""
) -> list[str]:
    world = around(root, text, running=running, name=name, source=source)
    return list(farewell.next_steps(Planned(world, given).plan, world))


def test_what_runs_is_adopted(tmp_path: Path) -> None:
    text = "services: {web: {build: ., ports: ['18000:80']}, jobs: {build: .}, db: {image: postgres}}"
    assert steps(tmp_path, text) == LAST
    adopt, *rest = steps(tmp_path, text, None, "web", "jobs", "db")
    assert adopt.startswith("bgctl adopt   (")
    assert rest == LAST[1:]


def test_the_image_of_what_runs_gets_its_name_by_the_adoption(tmp_path: Path) -> None:
    first, *_ = steps(tmp_path, "services: {web: {image: shop/web, ports: ['18000:80']}}", None, "web")
    assert first.startswith("bgctl adopt ")


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("shop/web", "docker tag shop/web shop/web:1"),
        ("shop/web:latest", "docker tag shop/web:latest shop/web:1"),
        ("shop/web@sha256:00", "docker tag shop/web@sha256:00 shop/web:1"),
        ("shop/web:1.6", None),
        ("shop/web:", None),
    ],
)
def test_an_image_without_a_version_gets_one(tmp_path: Path, image: str, tag: str | None) -> None:
    first, *_ = steps(tmp_path, f"services: {{web: {{image: '{image}', ports: ['18000:80']}}}}")
    assert first.partition("   ")[0] == (tag or "bgctl up")


def test_a_port_that_only_root_may_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "first_unprivileged", lambda: 1024)
    first, *_ = steps(tmp_path, "services: {web: {build: ., ports: ['80:80']}}")
    assert first.startswith("sysctl -w net.ipv4.ip_unprivileged_port_start=80")


def test_what_is_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x\n")
    (tmp_path / "b").write_text("x\n")
    changes = [
        Change.appended(tmp_path / "a", ["1", "2"]),
        Change.of(tmp_path / "b", "y"),
        Change.of(tmp_path / "c", "y"),
    ]
    assert list(farewell.written(changes, tmp_path, True)) == [
        "wrote a: 2 lines added",
        "wrote b: replaced",
        "wrote c: new",
    ]
