"""What is looked at around a plan: other projects on this host, and who has the address of the proxy."""

import socket
from pathlib import Path

import msgspec
import pytest

from tests.unit.toolkit.support.init_worlds import WEB, Planned, around
from toolkit import config
from toolkit.engine.commands import Commands
from toolkit.engine.engine import Engine
from toolkit.errors import Failed
from toolkit.init import flow, text
from toolkit.init.plan import Given, Plan
from toolkit.init.surroundings import Surroundings
from toolkit.values import Address


class Neighbourly(Engine):
    """An engine on which the proxies of the projects in these folders run."""

    def __init__(self, root: Path, *folders: Path) -> None:
        super().__init__(Commands("docker", ("docker-compose",), "shop", ("compose.yaml",), ".env"), root)
        self._folders = folders

    def neighbours(self) -> list[Path]:
        if not self._folders:
            raise Failed("docker does not answer")
        return list(self._folders)


def beside(root: Path, *folders: Path) -> Surroundings:
    return msgspec.structs.replace(around(root, WEB), engine=Neighbourly(root, *folders))


def written(plan: Plan, before: config.Config | None = None, *folders: Path, root: Path) -> config.Config:
    return config.parse(text.of(flow._apart(plan, beside(root, *folders), before)))


def test_two_projects_of_one_host_name_have_cookies_of_their_own(tmp_path: Path) -> None:
    plan = Planned(around(tmp_path, WEB)).plan
    other = tmp_path / "other"
    other.mkdir()
    (other / "bgctl.toml").write_text(text.of(plan).replace('name = "shop"', 'name = "other"'))
    assert written(plan, None, other, root=tmp_path).proxy.cookie_stem == "bg-shop"
    assert written(plan, None, tmp_path, root=tmp_path).proxy.cookie_stem == "bg", "no project is there"
    assert written(plan, None, root=tmp_path).proxy.cookie_stem == "bg", "the engine is silent"
    (other / "bgctl.toml").write_text(
        (other / "bgctl.toml").read_text() + '[preview]\nurl = "http://o.example"'
    )
    assert written(plan, None, other, root=tmp_path).proxy.cookie_stem == "bg", "another host name"


def test_the_port_of_anothers_green_is_not_free(tmp_path: Path) -> None:
    """Nobody listens there between two releases of the other project."""
    plan = Planned(around(tmp_path, WEB)).plan
    assert plan.web.addresses
    other = tmp_path / "other"
    other.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        green = Address(f"127.0.0.1:{server.getsockname()[1]}")
    (other / "bgctl.toml").write_text(text.of(plan).replace(plan.web.addresses[1], green))
    assert not flow._unclaimed(beside(tmp_path, other))(green)
    assert flow._unclaimed(beside(tmp_path))(green), "the engine is silent"


def test_cookies_that_browsers_have_keep_their_names(tmp_path: Path) -> None:
    plan = Planned(around(tmp_path, WEB)).plan
    before = config.parse(text.of(plan).replace("[proxy]\n", '[proxy]\ncookie_stem = "mine"\n'))
    assert written(plan, before, root=tmp_path).proxy.cookie_stem == "mine"


def test_somebody_elses_listener_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address(f"127.0.0.1:{server.getsockname()[1]}")
        plan = Planned(around(tmp_path, WEB), Given(listen=address)).plan
        (note,) = flow._taken(plan, around(tmp_path, WEB))
        assert f"{address} is taken by" in note
        assert "bgctl init --force --listen IP:PORT" in note
        assert flow._taken(plan, around(tmp_path, WEB, running=["web"])) == [], "that is the app as it runs"
        assert flow._taken(plan, around(tmp_path, WEB, running=["web-blue", "proxy"])) == [], "bgctl's own"
        assert flow._taken(plan, around(tmp_path, WEB, running=["web-blue"]))
    assert flow._taken(plan, around(tmp_path, WEB)) == []


@pytest.mark.parametrize("name", ["data", "proxy"])
def test_folders_with_the_names_of_bgctls_are_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (note,) = flow._folders(around(tmp_path, WEB))
    assert f"{name}/ is here already" in note
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.json").touch()
    assert flow._folders(around(tmp_path, WEB)) == [], "they are bgctl's"
