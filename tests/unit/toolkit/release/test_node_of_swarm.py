"""`bgctl node` on a swarm: real agents, a real redis-server, and a proxy each that reads node.json."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pytest
from redis import Redis

from session_api.cluster import node_wish
from tests.unit.session_api.support.agents import KEYS, PROJECT, Node, put, wish
from tests.unit.session_api.support.cluster_fixtures import node, server, start_redis
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.server import eventually
from tests.unit.toolkit.support.engines import FakeEngine, Listening, project_on
from tests.unit.toolkit.support.worlds import World
from tests.web_server import Reply
from toolkit.engine.host import Host
from toolkit.errors import MovedOn, NotYet, Refused
from toolkit.observe import node as told
from toolkit.observe import overview
from toolkit.observe.sources import Sources
from toolkit.project import Project
from toolkit.release import node as nodes
from toolkit.release import node_place

pytestmark = pytest.mark.whole
__all__ = ["node", "server", "start_redis"]

WITHIN = 60.0
PATH = "/bgctl-health"


@dataclass(frozen=True)
class Placed:
    name: str
    address: str = "127.0.0.1"
    ready: bool = True


class Swarm(FakeEngine):
    def hosts(self) -> Sequence[Host]:
        return [Placed("web1"), Placed("web2")]


class Site:
    """Two nodes with their agents, and bgctl on a manager that is none of them."""

    def __init__(self, world: World, server: RedisServer, node: Callable[..., Node]) -> None:
        self.world, self.server = world, server
        path = world.root / "bgctl.toml"
        text = path.read_text().replace('engine = "auto" ', 'engine = "swarm"')
        text = text.replace('name = "shop"', f'name = "{PROJECT}"')
        text = text.replace('balancer_path = ""', f'balancer_path = "{PATH}"')
        path.write_text(text.replace('notice = "10s"', 'notice = "500ms"'))
        with (world.root / ".env").open("a") as env:
            env.write(f"\nBGCTL_STORE={server.address.url}\n")
        (world.root / "state").mkdir()
        self.nodes = {name: node(name) for name in ("web1", "web2")}
        self.agents = {name: each.start() for name, each in self.nodes.items()}
        with server.client() as client:
            put(client, 1, 1)
            for each in self.nodes.values():
                each.reports(client, fence=1, generation=1, error=None)
                eventually(partial(getattr, each, "file"), lambda file: "heardFor" in file)

    def bgctl(self, *without: str) -> Project:
        """What each command makes anew."""
        return project_on(Swarm(self.world), Listening(), without=frozenset(without))


@pytest.fixture
def site(world: World, server: RedisServer, node: Callable[..., Node]) -> Site:
    return Site(world, server, node)


@pytest.fixture
def client(server: RedisServer) -> Iterator[Redis]:
    with server.client() as client:
        yield client


def test_a_node_is_drained_by_name_and_gets_traffic_again(site: Site, client: Redis) -> None:
    project = site.bgctl()
    said = nodes.drain(project, "web2", WITHIN, "new kernel")
    assert said.endswith("or: bgctl node ready web2")
    assert [each.name for each in project.ui.taken] == ["node", "balancers", "connections", "open"]
    file = site.nodes["web2"].file
    assert (file["drain"], file["why"], file["leave"]) == (True, "new kernel", 1)
    assert file["heardFor"] == site.nodes["web2"].began
    assert not site.nodes["web1"].file.get("drain")
    notice = next(each for each in project.ui.taken if each.name == "balancers")
    assert notice.seconds >= 0.5, "load balancers have had their time"
    assert client.get(KEYS.lease) is None, "the lease is given back"
    assert nodes.drain(site.bgctl(), "web2", WITHIN), "and again: it goes on from there"
    assert site.nodes["web2"].file["why"] == "new kernel"
    assert site.nodes["web2"].file["leave"] == 2, "clients are asked once more"
    back = nodes.ready(site.bgctl(), "web2")
    assert not back.drain
    file = site.nodes["web2"].file
    assert (file["drain"], file["leave"]) == (False, 0)
    assert site.world.history[-1]["what"] == "node ready"


def test_what_is_still_open_there_is_told_with_the_name_in_what_to_type(site: Site) -> None:
    site.nodes["web1"].open = 3
    site.nodes["web2"].open = 2  # in each slot
    with pytest.raises(NotYet, match=": 4 requests are open") as caught:
        nodes.drain(site.bgctl(), "web2", 0.1)
    assert "bgctl node drain web2 " in caught.value.next
    assert caught.value.next.endswith("bgctl node ready web2")
    assert site.nodes["web2"].file["drain"], "it stays drained"


def test_ready_ends_a_drain_that_waits(site: Site) -> None:
    site.nodes["web2"].open = 1
    project = site.bgctl()
    progress = project.ui.progress
    said: list[str] = []

    def tell(text: str) -> None:
        if text == "2 requests" and not said:
            said.append(text)
            nodes.ready(site.bgctl(), "web2")
        progress(text)

    project.ui.progress = tell  # type: ignore[method-assign]
    with pytest.raises(MovedOn, match="ready again"):
        nodes.drain(project, "web2", WITHIN)
    assert said


def test_a_name_that_the_swarm_does_not_have_is_refused(site: Site, client: Redis) -> None:
    for name in ("web9", ""):  # none: bgctl is typed on a host that is no node of the project
        with pytest.raises(Refused, match="its nodes are web1, web2") as caught:
            nodes.drain(site.bgctl(), name, WITHIN)
        assert caught.value.next == "bgctl node drain NODE   (one of them)"
    with pytest.raises(Refused, match="web9 is no node of this project"):
        nodes.ready(site.bgctl(), "web9")
    assert client.get(KEYS.fence) is None, "nothing was tried"


def test_a_node_that_is_not_heard_is_refused_or_told_for_later(site: Site, client: Redis) -> None:
    site.agents["web2"].kill()
    client.delete(KEYS.node("web2"))
    with pytest.raises(Refused, match="web2 is not heard: it has not reported yet") as caught:
        nodes.drain(site.bgctl(), "web2", WITHIN)
    assert "bgctl --without web2 node drain web2" in caught.value.next
    with pytest.raises(Refused, match="not every node is heard"):
        nodes.ready(site.bgctl(), "web1")
    project = site.bgctl("web2")
    assert nodes.drain(project, "web2", WITHIN) == (
        "web2 is drained as soon as its agent is heard; what is open there is not known"
    )
    assert [each.name for each in project.ui.taken] == ["node"]
    assert "drain" not in site.nodes["web2"].file
    lines = list(told.lines(overview.overview(project, Sources(project).wait()).told, project.now()))
    assert len(lines) == 1 and lines[0].startswith("web2 is drained "), lines
    site.nodes["web2"].start()
    eventually(lambda: site.nodes["web2"].file.get("drain"), bool)


def test_a_drain_that_nobody_would_notice_is_refused(site: Site, client: Redis) -> None:
    site.nodes["web2"].path = "/before"
    eventually(lambda: site.nodes["web2"].report(client)["status"]["node"]["path"], lambda path: path != PATH)
    with pytest.raises(Refused, match="does not answer at /bgctl-health yet") as caught:
        nodes.drain(site.bgctl(), "web2", WITHIN)
    assert caught.value.next == "bgctl up", "a swarm has no reload"


def test_a_node_is_ready_when_its_proxy_knows_of_its_slots(
    site: Site, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a reboot the proxy is there first: what it does not know counts as up."""
    monkeypatch.setattr(node_place, "ASKS", WITHIN)
    node = site.nodes["web2"]
    nodes.drain(site.bgctl(), "web2", WITHIN)
    node.up = None
    eventually(lambda: is_up(node, client), lambda up: up is None)
    seen: list[bool] = []
    usual = node.proxy.answers["/status"]

    def asked_later() -> Reply:
        if len(seen) == 3:
            node.up = False
        seen.append(node.file["drain"])
        return usual()  # type: ignore[operator]

    node.proxy.answers["/status"] = asked_later
    nodes.ready(site.bgctl(), "web2")
    assert all(seen[:4]), "it stays drained until then"
    monkeypatch.setattr(node_place, "ASKS", 0.1)
    node.up = None
    nodes.drain(site.bgctl(), "web2", WITHIN)
    assert not nodes.ready(site.bgctl(), "web2").drain, "where that is never known, it goes on"


def is_up(web: Node, client: Redis) -> bool | None:
    known: bool | None = web.report(client)["status"]["slots"]["blue"]["health"]["up"]
    return known


def test_redis_that_comes_back_empty_takes_no_drain_back(site: Site, client: Redis) -> None:
    nodes.drain(site.bgctl(), "web2", WITHIN, "new kernel")
    fence = site.nodes["web2"].file["fence"]
    client.flushall()
    for each in site.nodes.values():
        eventually(partial(each.report, client), lambda seen: bool(seen.get("state")))
    place = node_place.find(site.bgctl(), "web2", "ready")
    assert place.said().why == "new kernel", "the node says so"
    nodes.ready(site.bgctl(), "web2")
    assert not site.nodes["web2"].file["drain"]
    assert site.nodes["web2"].file["fence"] > fence, "above every number that was ever given out"


def test_what_redis_wishes_and_what_a_node_does_the_newer_one_holds(site: Site, client: Redis) -> None:
    wish(client, "web1", 3, drain=True, why="three")
    eventually(lambda: site.nodes["web1"].file.get("why"), lambda why: why == "three")
    site.nodes["web1"].reports(client, wish={**three(), "why": "three"})
    place = node_place.find(site.bgctl(), "web1", "drain")
    wish(client, "web1", 2, drain=True, why="two")
    assert place.said().why == "three"
    client.set(KEYS.wish("web1"), b"garbage")
    assert place.said().why == "three"


def three() -> dict[str, object]:
    return {"fence": 3, "drain": True, "since": None, "leave": 0}


def test_a_lease_that_is_lost_lets_nothing_be_wished(site: Site, client: Redis) -> None:
    project = site.bgctl()
    cluster = project.cluster
    assert cluster is not None
    with cluster.change("node drain web1"):
        client.set(KEYS.lease, "another's")
        with pytest.raises(MovedOn, match="not ours any more"):
            cluster.wish("web1", node_wish.NodeWish(drain=True))
        client.delete(KEYS.lease)
    assert client.get(KEYS.wish("web1")) is None
    with pytest.raises(AssertionError):
        cluster.wish("web1", node_wish.NONE)


def test_a_dry_run_and_json(site: Site, client: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    assert nodes.drain(site.bgctl(), "web2", WITHIN, dry_run=True) == ""
    shown = capsys.readouterr().out
    for what in (f"answer 503 at {PATH}", "give them 0.5 s", "until nothing is open, up to 60 s"):
        assert what in shown
    assert client.get(KEYS.fence) is None
    project = site.bgctl()
    project.ui.as_json = True
    nodes.drain(project, "web2", WITHIN)
    said = json.loads(capsys.readouterr().out)
    assert (said["node"], said["drained"], said["empty"]) == ("web2", True, True)
    project = site.bgctl()
    project.ui.as_json = True
    nodes.ready(project, "web2")
    assert json.loads(capsys.readouterr().out) == {"node": "web2", "drained": False}


def test_status_and_doctor_name_the_nodes_that_are_drained(site: Site) -> None:
    nodes.drain(site.bgctl(), "web2", WITHIN, "new kernel")
    project = site.bgctl()
    seen = overview.overview(project, Sources(project).wait())
    assert (seen.node, seen.nodes["web2"].why_not, seen.nodes["web1"].ready) == (None, "drained", True)
    (line,) = told.lines(seen.told, project.now())
    assert line.startswith("web2 is drained ")
    assert line.endswith(
        "new kernel: load balancers are told to send it nothing; next: bgctl node ready web2"
    )
    (problem,) = told.problems(project)
    assert problem.next == "bgctl node ready web2"
