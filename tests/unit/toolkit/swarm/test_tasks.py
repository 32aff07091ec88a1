"""A service of a swarm is one container to the rest of bgctl: it runs when it runs on each node."""

from typing import Any

import msgspec
import pytest

from toolkit.engine import container_health
from toolkit.engine.container import Container
from toolkit.swarm import tasks, view
from toolkit.swarm.nodes import Node
from toolkit.swarm.tasks import SPECIFIED, Service, Standing, Task

NOW, BEFORE = {SPECIFIED: "now"}, {SPECIFIED: "before"}
IMAGE = "registry.example/shop:1.6.8@sha256:abc"


def node(name: str, state: str = "ready") -> Node:
    document = {"ID": f"id-{name}", "Description": {"Hostname": name}, "Status": {"State": state}}
    return msgspec.convert(document, Node)


NODES = [node("a"), node("b"), node("c")]


def service(condition: str = "any", **update: str) -> Service:
    template: dict[str, Any] = {
        "ContainerSpec": {"Image": IMAGE, "Labels": NOW, "Env": ["VERSION=1.6.8"], "StopGracePeriod": 1},
        "RestartPolicy": {"Condition": condition},
    }
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web-green"}
    spec = {"Name": "shop_web-green", "Labels": labels, "TaskTemplate": template}
    return msgspec.convert({"ID": "s1", "Spec": spec, "UpdateStatus": update}, Service)


def task(place: str, state: str, at: int = 1, labels: object = NOW, error: str = "", code: int = 0) -> Task:
    """The latest at a place is the one with the highest `at`."""
    document = {
        "ID": f"t{place}{at}",
        "ServiceID": "s1",
        "CreatedAt": f"2026-01-15T10:30:{at:02}Z",
        "NodeID": f"id-{place}" if place else "",
        "DesiredState": "shutdown" if state in ("failed", "rejected", "shutdown") else "running",
        "Status": {"State": state, "Err": error, "ContainerStatus": {"ExitCode": code}},
        "Spec": {"ContainerSpec": {"Image": IMAGE, "Labels": labels}},
    }
    return msgspec.convert(document, Task)


def standing(*them: Task, of: Service | None = None, nodes: list[Node] = NODES) -> Standing:
    (found,) = tasks.standings([of or service()], them, nodes)
    return found


def seen(*them: Task, of: Service | None = None) -> Container:
    return view.of(standing(*them, of=of), "sha256:1")


def running(*places: str) -> list[Task]:
    return [task(place, "running") for place in places]


def leaving(place: str) -> Task:
    """It runs still, and the swarm has told its node to end it."""
    return msgspec.structs.replace(task(place, "running"), desired="shutdown")


def test_it_runs_when_it_runs_on_each_node() -> None:
    found = seen(*running("a", "b", "c"))
    assert found.state.running
    assert container_health.fault(found) is None
    assert found.service == "web-green" and found.project == "shop" and not found.one_off
    assert found.runs("registry.example/shop:1.6.8"), "its digest is no part of a name"
    assert found.value("VERSION") == "1.6.8" and found.comes_back and found.image_id == "sha256:1"


def test_the_nodes_on_which_it_does_not_run_are_named_with_the_reason() -> None:
    lost = [task(place, "rejected", error="No such image: shop") for place in ("b", "c")]
    found = seen(*running("a"), *lost)
    assert not found.state.running
    assert container_health.fault(found) == "1 of 3 running; nodes b, c: No such image: shop"


def test_a_port_that_is_taken_leaves_it_without_a_node() -> None:
    waiting = task("", "pending", error="no suitable node (host-mode port already in use on 1 node)")
    found = seen(*running("a"), waiting)
    assert container_health.fault(found) == (
        "1 of 2 running; no suitable node (host-mode port already in use on 1 node)"
    )
    assert not container_health.hopeless(found), "it may become free"


def test_what_is_on_a_node_that_is_down_is_not_waited_for() -> None:
    nodes = [node("a"), node("b", "down")]
    assert standing(*running("a", "b"), nodes=nodes).running
    assert not standing(*running("b"), nodes=nodes).running, "nothing runs, as far as is known"


def test_what_the_swarm_takes_away_is_no_place_any_more() -> None:
    assert standing(*running("a"), task("b", "shutdown")).words == "1 of 1 running"


def test_one_that_is_being_replaced_is_waited_for() -> None:
    found = seen(*running("a"), leaving("b"))
    assert not found.state.running
    assert container_health.fault(found) == "1 of 1 running; one is being taken away"


def test_the_latest_task_of_a_place_counts() -> None:
    assert standing(task("a", "failed", 1), task("a", "running", 2)).running
    assert not standing(task("a", "running", 1), task("a", "failed", 2)).running


@pytest.mark.parametrize(
    ("them", "settled"),
    [
        ([], False),
        (running("a", "b"), True),
        ([*running("a"), task("b", "preparing")], False),
        ([*running("a"), task("b", "running", labels=BEFORE)], False),
        ([*running("a"), task("b", "failed")], True),
        ([task("a", "starting")], True),  # its HEALTHCHECK has yet to pass
        ([*running("a"), leaving("b")], False),  # the next one of b was not there when tasks were listed
        ([*running("a"), leaving("b"), task("b", "running", 2)], True),
    ],
)
def test_when_a_deployment_has_come_to_its_end(them: list[Task], settled: bool) -> None:
    assert standing(*them).settled is settled


def test_one_failure_is_followed_by_another_try_and_several_are_not_hoped_away() -> None:
    once = [task("a", "failed", 1, code=3)]
    assert standing(*once).hopeless == ""
    thrice = [task("a", "failed", at, code=3) for at in (1, 2, 3)]
    assert standing(*thrice).hopeless == "0 of 1 running; node a: it exited with code 3"
    next_try = standing(*thrice, task("a", "ready", 4))
    assert next_try.hopeless == "0 of 1 running; node a: it exited with code 3", "it will go like them"
    assert standing(*thrice, task("a", "running", 4)).hopeless == "", "it runs"
    other = [task("a", "failed", at, labels=BEFORE) for at in (1, 2, 3)]
    assert standing(*other).hopeless == "", "those were of the specification before"


def test_one_that_is_not_replaced_is_over_with_its_exit_code() -> None:
    of = service("none")
    assert seen(task("a", "complete"), of=of).state.status == "exited"
    failed = seen(task("a", "failed", code=7), of=of)
    assert (failed.state.status, failed.state.exit_code, failed.comes_back) == ("exited", 7, False)
    assert standing(task("a", "failed", code=7), of=of).hopeless


def test_before_it_has_a_task_it_is_starting() -> None:
    found = seen()
    assert found.state.status == "created" and not container_health.hopeless(found)


def test_its_id_is_another_one_when_it_is_specified_anew() -> None:
    one, same, other = seen(*running("a")), seen(*running("b")), seen(of=service("none"))
    assert one.id == same.id != other.id
    assert {each.id.partition(".")[0] for each in (one, other)} == {"s1"}
