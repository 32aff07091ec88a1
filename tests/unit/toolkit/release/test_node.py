"""`bgctl node drain` and `ready`: what is written, what is waited for, and what is said in vain."""

import json
import socket

import pytest

from tests.unit.toolkit.support.engines import Listening, project_of
from tests.unit.toolkit.support.worlds import NONE, READY, World
from tests.web_server import Reply
from toolkit.clients.proxy_status import NodeStatus, Slot, Status, Worker
from toolkit.errors import Failed, MovedOn, NotYet, Refused
from toolkit.files import node_file
from toolkit.observe import doctor
from toolkit.project import Project
from toolkit.release import node, node_empty, node_place
from toolkit.release.node_empty import QUIET, Traffic
from toolkit.state.node import Node
from toolkit.values import is_stamp

PATH = "/bgctl-health"
WITHIN = 3.0


class Balanced:
    """A world whose proxy reads node.json, and whose workers are new ones after a SIGHUP."""

    def __init__(self, world: World) -> None:
        self.world, self.path, self.busy, self.served = world, PATH, 0, 7
        self.still_comes = False
        world.put("rest", READY, NONE)
        text = (world.root / "bgctl.toml").read_text()
        text = text.replace('balancer_path = ""', f'balancer_path = "{PATH}"')
        (world.root / "bgctl.toml").write_text(text.replace('notice = "10s"', 'notice = "500ms"'))
        self.usual = world.control.answers["/status"]
        world.control.answers["/status"] = self.status
        self.project, self.engine = project_of(world, Listening())

    def status(self) -> Reply:
        code, document = self.usual()  # type: ignore[operator]
        assert isinstance(document, dict)
        said = self.file()
        hups = self.engine.asked.count("signal proxy HUP") if hasattr(self, "engine") else 0
        self.served += self.still_comes
        workers = [
            {**each, "pid": each["pid"] + 10 * hups, "drained": said.drain} for each in document["workers"]
        ]
        slots = {name: {**slot, "requests": self.served} for name, slot in document["slots"].items()}
        seen = {
            **{"drain": said.drain, "since": said.since, "why": said.why},
            **{"path": self.path, "ready": not said.drain, "whyNot": "drained" if said.drain else None},
            **{"error": None, "busyConnections": self.busy},
        }
        return code, {**document, "workers": workers, "slots": slots, "node": seen}

    def file(self) -> Node:
        return node_file.read(self.world.root / "state")


@pytest.fixture
def balanced(world: World) -> Balanced:
    return Balanced(world)


def test_a_drained_node_is_marked_given_time_and_left(balanced: Balanced) -> None:
    node.drain(balanced.project, "", WITHIN, "new kernel")
    said = balanced.file()
    assert (said.drain, said.why) == (True, "new kernel")
    assert balanced.engine.asked == ["signal proxy HUP"], "clients close the connections that they keep"
    steps = [each.name for each in balanced.project.ui.taken]
    assert steps == ["node", "balancers", "connections", "open"]
    assert balanced.world.history[-1]["what"] == "node drain"
    notice = next(each for each in balanced.project.ui.taken if each.name == "balancers")
    assert notice.seconds >= 0.5, "load balancers have had their time"


def test_a_drain_goes_on_where_it_was(balanced: Balanced) -> None:
    node_file.write(balanced.world.root / "state", Node(True, "2026-01-15T10:30:00Z", "disk"))
    node.drain(balanced.project, "", WITHIN)
    assert balanced.file() == Node(True, "2026-01-15T10:30:00Z", "disk")
    notice = next(each for each in balanced.project.ui.taken if each.name == "balancers")
    assert notice.seconds < 0.5, "they have had their time long ago"


def test_a_time_that_is_none_is_replaced(balanced: Balanced) -> None:
    node_file.write(balanced.world.root / "state", Node(True, "yesterday"))
    node.drain(balanced.project, "", WITHIN)
    assert is_stamp(balanced.file().since)


@pytest.mark.parametrize(
    ("opened", "busy", "said"),
    [((3, 1), 3, "2 requests, 1 WebSocket"), ((0, 0), 2, "2 connections to other services")],
)
def test_what_is_still_open_is_told_with_exit_code_5(
    balanced: Balanced, opened: tuple[int, int], busy: int, said: str
) -> None:
    balanced.world.open["blue"], balanced.busy = opened, busy
    with pytest.raises(NotYet, match=f": {said} are open") as caught:
        node.drain(balanced.project, "", 0.1)
    assert "bgctl node drain" in caught.value.next
    assert "bgctl node ready" in caught.value.next
    assert balanced.file().drain, "it stays drained"


def test_requests_that_go_on_coming_are_a_load_balancer_that_does_not_ask(balanced: Balanced) -> None:
    balanced.still_comes = True
    with pytest.raises(NotYet, match=f"still come: is there a load balancer that does not ask at {PATH}"):
        node.drain(balanced.project, "", 0.1)


def test_ready_ends_a_drain_and_who_waits_for_it(balanced: Balanced) -> None:
    balanced.world.open["blue"] = (1, 1)
    root = balanced.world.root / "state"
    node_file.write(root, Node(True))
    progress = balanced.project.ui.progress
    said: list[str] = []

    def tell(text: str) -> None:
        said.append(text)
        progress(text)
        node.ready(project_of(balanced.world)[0], "")

    balanced.project.ui.progress = tell  # type: ignore[method-assign]
    with pytest.raises(MovedOn, match="ready again"):
        node_empty.wait(balanced.project, node_place.find(balanced.project, "", "drain"), WITHIN)
    assert said == ["1 WebSocket"]
    assert balanced.file() == Node()
    assert balanced.world.history[-1]["what"] == "node ready"


def test_ready_says_what_else_keeps_traffic_away(balanced: Balanced) -> None:
    node_file.write(balanced.world.root / "state", Node(True))
    before = balanced.status

    def down() -> Reply:
        code, document = before()
        assert isinstance(document, dict)
        return code, {**document, "node": {**document["node"], "ready": False, "whyNot": "down"}}

    balanced.world.control.answers["/status"] = down
    assert node.ready(balanced.project, "") == Node()
    assert isinstance(balanced.project.ui, Listening)
    assert balanced.project.ui.warned == ["load balancers are still told to send nothing: down"]


def test_a_node_whose_proxy_is_away_is_ready_when_it_starts(balanced: Balanced) -> None:
    node_file.write(balanced.world.root / "state", Node(True))
    balanced.world.control.stop()
    assert node.ready(balanced.project, "") == Node()
    with pytest.raises(Refused, match="the proxy does not run"):
        node.drain(balanced.project, "", WITHIN)


def test_a_damaged_file_is_written_anew(balanced: Balanced) -> None:
    path = balanced.world.root / "state" / node_file.NAME
    balanced.world.control.stop()
    path.write_text("{")
    node.ready(balanced.project, "")
    assert balanced.file() == Node()


def test_another_host_is_refused_with_what_to_type(balanced: Balanced) -> None:
    with pytest.raises(Refused, match=f"this one is {socket.gethostname()}") as caught:
        node.drain(balanced.project, "web-9", WITHIN)
    assert caught.value.next == "bgctl --host web-9 node drain"
    with pytest.raises(Refused, match="web-9 is another host"):
        node.ready(balanced.project, "web-9")
    node.ready(balanced.project, socket.gethostname())


def test_a_drain_that_nobody_would_notice_is_refused(balanced: Balanced) -> None:
    balanced.path = "/before"
    with pytest.raises(Refused, match="does not answer at /bgctl-health yet") as caught:
        node.drain(balanced.project, "", WITHIN)
    assert caught.value.next == "bgctl reload"
    balanced.world.control.answers["/status"] = balanced.usual
    with pytest.raises(Refused, match="of another bgctl"):
        node.drain(balanced.project, "", WITHIN)
    path = balanced.world.root / "bgctl.toml"
    path.write_text(path.read_text().replace(PATH, ""))
    with pytest.raises(Refused, match="balancer_path is not set"):
        node.drain(project_of(balanced.world)[0], "", WITHIN)
    assert not (balanced.world.root / "state" / node_file.NAME).exists()


def test_a_dry_run_changes_nothing(balanced: Balanced, capsys: pytest.CaptureFixture[str]) -> None:
    node.drain(balanced.project, "", WITHIN, dry_run=True)
    said = capsys.readouterr().out
    for what in (f"answer 503 at {PATH}", "give them 0.5 s", "until nothing is open, up to 3 s", "dry run"):
        assert what in said
    assert balanced.engine.asked == []
    assert not (balanced.world.root / "state" / node_file.NAME).exists()


def test_a_proxy_that_does_not_read_the_file_confirms_nothing(
    balanced: Balanced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "APPLY", 0.1)
    before = balanced.status

    def stuck() -> Reply:
        code, document = before()
        assert isinstance(document, dict)
        return code, {**document, "workers": [{**each, "drained": False} for each in document["workers"]]}

    balanced.world.control.answers["/status"] = stuck
    with pytest.raises(Failed, match="not confirmed"):
        node.drain(balanced.project, "", WITHIN)
    assert balanced.file().drain, "it holds as soon as the proxy reads it"
    assert balanced.engine.asked == []


# What is open, look by look


def status(served: int, opened: int = 0, busy: int = 0) -> Status:
    slots = {"blue": Slot(served=served, open=opened), "green": Slot(served=0)}
    return Status([], 0, slots, node=NodeStatus(busy_connections=busy))


def test_a_node_is_empty_when_nothing_has_come_for_a_moment() -> None:
    traffic = Traffic()
    assert traffic.look(status(5), 0).still_comes, "it is not known yet"
    assert traffic.look(status(6), 1).still_comes
    assert traffic.look(status(6), 1 + QUIET * 0.9).still_comes
    assert traffic.look(status(6), 1 + QUIET).empty
    assert not traffic.look(status(6, opened=1, busy=1), 3).empty
    assert traffic.look(status(6, busy=2), 3).connections == 2
    assert traffic.look(status(7), 4).still_comes
    assert traffic.look(status(7), 4).still_comes, "the same look again says nothing of what comes"


def test_drained_is_said_by_all_workers_that_serve() -> None:
    old = Worker(1, 3, exiting=True)
    some = Status([Worker(2, 3, drained=True), Worker(3, 3), old], 2, {})
    every = Status([Worker(2, 3, drained=True), Worker(3, 3, drained=True), old], 2, {})
    assert (some.drained(True), some.drained(False), every.drained(True)) == (False, False, True)
    assert not Status([Worker(2, 3, drained=True)], 2, {}).drained(True), "one has yet to start"


# Who tells of it


@pytest.mark.whole
def test_a_forgotten_drain_is_told(balanced: Balanced) -> None:
    assert "drained" not in balanced.world.bgctl("status").stdout
    node_file.write(balanced.world.root / "state", Node(True, "2026-01-15T10:30:00Z", "new kernel"))
    told = "new kernel: load balancers are told to send it nothing"
    assert told in balanced.world.bgctl("status").stdout
    assert balanced.world.bgctl("status").stdout.count("next: bgctl node ready") == 1
    done = balanced.world.bgctl("monitor", "--json")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["node"]["drain"], seen["node"]["whyNot"]) == (True, "drained")
    assert told in balanced.world.bgctl("monitor", "--once").stdout.replace("\n  ", " ")
    (found,) = [each for each in examined(balanced.project) if each.check == "node"]
    assert (found.result, found.next) == ("warn", "bgctl node ready")
    assert told in found.seen


def examined(project: Project) -> list[doctor.Finding]:
    return doctor.examine(project.root, project.ui, "doctor")


def test_json_says_what_is_left(balanced: Balanced, capsys: pytest.CaptureFixture[str]) -> None:
    balanced.project.ui.as_json = True
    balanced.world.open["green"] = (1, 1)
    with pytest.raises(NotYet):
        node.drain(balanced.project, "", 0.1)
    left = {"requests": 0, "websockets": 1, "connections": 0, "stillComes": False}
    said = {"node": socket.gethostname(), "drained": True, "empty": False, **left}
    assert json.loads(capsys.readouterr().out) == said


@pytest.mark.whole
def test_json_says_that_it_is_ready(balanced: Balanced) -> None:
    node_file.write(balanced.world.root / "state", Node(True))
    done = balanced.world.bgctl("node", "ready", "--json")
    assert json.loads(done.stdout) == {"node": socket.gethostname(), "drained": False}
