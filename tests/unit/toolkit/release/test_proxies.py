"""On several hosts proxies are replaced, and only where something of theirs has changed."""

import re

import pytest

from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.clusters import state
from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.managers import Managers
from tests.unit.toolkit.support.worlds import World
from toolkit.checks.looks import is_fault
from toolkit.errors import BgctlError, Refused
from toolkit.kept_state import OnThisHost
from toolkit.release import proxies, up
from toolkit.rendering import reload

EMERG = """[emerg] 1#1: unknown directive "listn" in /etc/bgctl/nginx.conf:20
nginx: configuration file /etc/bgctl/nginx.conf test failed"""
READY = {"version": "1.6.7", "state": "ready", "weight": 100}
NONE = {"version": None, "state": "maint", "weight": 0}


@pytest.mark.parametrize("current", [True, False])
def test_they_are_replaced_where_they_have_something_else(
    world: World, monkeypatch: pytest.MonkeyPatch, current: bool
) -> None:
    world.put("rest", READY, NONE)
    path = world.root / "bgctl.toml"
    path.write_text(re.sub(r'engine = "\w+"', 'engine = "swarm"', path.read_text()))
    project, engine = project_of(world)
    project.__dict__["_kept"] = OnThisHost(project.state_path)  # no Redis is needed to compare
    rendered = world.root / "proxy" / "nginx.conf"
    rendered.unlink(missing_ok=True)

    def is_current(service: str, env: object) -> bool:
        assert rendered.exists(), "what they are to have is there before it is compared"
        return current

    monkeypatch.setattr(engine, "is_current", is_current, raising=False)
    monkeypatch.setattr(engine, "hosts", tuple, raising=False)
    note = up.start_proxy(project)
    assert engine.asked == ([] if current else ["up proxy"])
    assert (note == reload.NOTHING) is current


class Tried:
    """A project on a swarm whose proxies are to get a configuration that is new."""

    def __init__(self, world: World, server: RedisServer) -> None:
        self.managers = Managers(world, server, "web1")
        project = self.managers.bgctl()
        with project.change("up"):
            project.save(state(1))

    @property
    def problems(self) -> list[BgctlError]:
        return list(proxies.problems(self.managers.bgctl()))


@pytest.fixture
def tried(world: World, server: RedisServer) -> Tried:
    return Tried(world, server)


@pytest.mark.whole
def test_a_new_configuration_is_tested_in_a_container_of_its_own(tried: Tried) -> None:
    assert tried.problems == []
    (said,) = tried.managers.engine.asked
    assert said.startswith("try x:1 /etc/bgctl -t: ")
    assert "nginx.conf" in said
    assert "settings.json" in said
    project = tried.managers.bgctl()
    assert not (project.proxy_dir / "nginx.conf").exists(), "it is not in force"
    assert list(project.root.glob(".bgctl-*")) == [], "and leaves nothing"


@pytest.mark.whole
def test_one_that_the_proxies_have_is_not_tested_again(tried: Tried) -> None:
    project = tried.managers.bgctl()
    reload.store(project, reload.wanted_or_stored(project, anew=True))
    assert tried.problems == []
    assert tried.managers.engine.asked == []


@pytest.mark.whole
def test_one_that_nginx_refuses_is_refused_in_its_words(tried: Tried) -> None:
    tried.managers.engine.complaint = EMERG
    (problem,) = tried.problems
    assert isinstance(problem, Refused)
    assert EMERG in problem.why


@pytest.mark.whole
def test_a_container_that_does_not_start_says_nothing_of_it(tried: Tried) -> None:
    tried.managers.engine.complaint = "Unable to find image 'x:1' locally"
    (problem,) = tried.problems
    assert not is_fault(problem)
    assert "could not be tested beforehand" in str(problem)
