"""Two projects that browsers know by one host name: whose cookies are whose."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.toolkit.support.worlds import ROOT, World
from toolkit import config
from toolkit.checks import neighbours

pytestmark = pytest.mark.whole

EXAMPLE = (ROOT / "bgctl.example.toml").read_text()
ENGINE = """#!/bin/sh
[ "$1" = info ] && echo '[]' && exit
[ "$1" = ps ] && echo one two && exit
[ "$1" = inspect ] && cat "{containers}" && exit
exit 1
"""


def other(folder: Path, **settings: str) -> Path:
    """Another project, with these in place of the example's."""
    text = EXAMPLE.replace('name = "shop"', 'name = "blog"')
    for name, value in settings.items():
        before = next(line for line in text.splitlines() if line.startswith(f"{name} = "))
        text = text.replace(before, f"{name} = {value}")
    folder.mkdir(parents=True)
    (folder / "bgctl.toml").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("settings", "alike"),
    [
        ({}, True),
        ({"listen": '"127.0.0.1:8088"'}, True),  # cookies know no ports
        ({"url": '"http://localhost:8088"'}, True),
        ({"url": '"https://blog.example"'}, False),
        ({"cookie_stem": '"blog"'}, False),
        ({"secure_cookies": "false"}, False),
        ({"name": '"shop"'}, False),  # another host of ours
        ({"workers": "-1"}, False),  # it cannot be read
    ],
)
def test_whose_cookies_are_alike(tmp_path: Path, settings: dict[str, str], alike: bool) -> None:
    folder = other(tmp_path / "blog", **settings)
    found = neighbours.alike(config.parse(EXAMPLE), [folder, tmp_path / "nowhere"])
    assert [each.project.name for each in found] == (["blog"] if alike else [])


def test_the_ports_of_others_are_known_while_nobody_listens(tmp_path: Path) -> None:
    text = EXAMPLE.replace("replicas = 1", "replicas = 2")
    folder = tmp_path / "blog"
    folder.mkdir()
    (folder / "bgctl.toml").write_text(text)
    found = neighbours.ports([folder, tmp_path / "nowhere"])
    assert {8080, 9180, 8081, 8082, 8083, 8084, 8090} <= found
    assert neighbours.ports([]) == set()


@pytest.mark.threat(74)
def test_74_projects_of_one_domain_have_each_others_pins(tmp_path: Path) -> None:
    """On hosts of their own: a pin of the one is overwritten by the other, which cannot verify it."""
    ours = EXAMPLE.replace('domain = ""', 'domain = "shop.example"')
    ours = ours.replace('url = ""', 'url = "https://app.shop.example"', 1)
    blog = {"domain": '"shop.example"', "url": '"https://blog.shop.example"'}
    folders = [other(tmp_path / "a", **blog), other(tmp_path / "b", **blog, cookie_stem='"b"')]
    assert len(neighbours.alike(config.parse(ours), folders)) == 1


def doctor(world: World, tmp_path: Path, containers: list[dict[str, Any]]) -> dict[str, str]:
    """What it says of cookies, where these containers are on the engine."""
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    (tmp_path / "containers.json").write_text(json.dumps(containers))
    (tools / "docker").write_text(ENGINE.format(containers=tmp_path / "containers.json"))
    (tools / "docker").chmod(0o755)
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    checks = json.loads(world.bgctl("doctor", "--json", env=env).stdout)["checks"]
    (found,) = [check for check in checks if check["check"] == "cookies"]
    return dict(found)


def container(project: str, service: str, folder: Path, **env: str) -> dict[str, Any]:
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": service}
    return {
        "Id": service,
        "State": {"Status": "running", "Running": True},
        "Config": {"Image": "x", "Labels": labels, "Env": [f"{name}={value}" for name, value in env.items()]},
        "Mounts": [{"Source": str(folder / "proxy"), "Destination": "/etc/bgctl"}],
    }


def test_doctor_notices_a_neighbour(world: World, tmp_path: Path) -> None:
    ours = container("shop", "proxy", world.root)
    assert doctor(world, tmp_path, [ours])["result"] == "ok"
    theirs = container("blog", "proxy", other(tmp_path / "blog"))
    said = doctor(world, tmp_path, [ours, theirs])
    assert said["result"] == "warn"
    assert "127.0.0.1 is the host of blog, too" in said["seen"] and "cookie_stem" in said["next"]


def test_doctor_notices_a_compose_file_that_passes_no_stem(world: World, tmp_path: Path) -> None:
    path = world.root / "bgctl.toml"
    path.write_text(path.read_text().replace('cookie_stem = "bg"', 'cookie_stem = "shop"'))
    said = doctor(world, tmp_path, [container("shop", "session-api", world.root)])
    assert said["result"] == "fail"
    assert "begin with bg, the proxy's with shop" in said["seen"] and "BGCTL_COOKIE_STEM" in said["next"]
    good = container("shop", "session-api", world.root, BGCTL_COOKIE_STEM="shop")
    assert doctor(world, tmp_path, [good])["result"] == "ok"


@pytest.mark.parametrize("stem", ["", "1shop", "sh=p", "sh;p", "sh p", "__Host-bg", "s" * 25, "šop"])
def test_a_stem_is_the_beginning_of_a_cookies_name(stem: str) -> None:
    with pytest.raises(Exception, match="cookie_stem"):
        config.parse(EXAMPLE.replace('cookie_stem = "bg"', f'cookie_stem = "{stem}"'))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"listen": '"127.0.0.1:8180"'}, True),
        ({"listen": '["[::1]:80", "0.0.0.0:8180"]'}, True),
        ({"listen": '"127.0.0.1:8180"', "trusted": '["10.0.0.0/8"]'}, True),
        ({"listen": '"127.0.0.1:8180"', "trusted": '["127.0.0.0/8"]'}, False),
        ({"listen": '"127.0.0.1:8181"'}, False),
    ],
)
def test_a_neighbour_that_takes_the_edge_for_its_client(
    tmp_path: Path, settings: dict[str, str], told: bool
) -> None:
    more = '\n[neighbours.wiki]\nhosts = ["wiki.example"]\naddress = "127.0.0.1:8180"\n'
    found = neighbours.untrusting(config.parse(EXAMPLE + more), [other(tmp_path / "blog", **settings)])
    assert [(name, theirs.project.name) for name, theirs in found] == [("wiki", "blog")] * told


def test_doctor_says_where_a_neighbour_is_not(world: World) -> None:
    path = world.root / "bgctl.toml"
    more = '\n[neighbours.wiki]\nhosts = ["wiki.example"]\naddress = "127.0.0.1:1"\n'
    path.write_text(path.read_text() + more)
    said = world.bgctl("doctor").stdout
    assert "the neighbour wiki is not there" in " ".join(said.split())
