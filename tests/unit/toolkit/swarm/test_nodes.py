"""Whether this host may speak for a swarm, and which of its nodes are a project's."""

from typing import Any

import msgspec
import pytest

from toolkit.config.kinds import NodeLabel
from toolkit.errors import Refused
from toolkit.swarm import nodes
from toolkit.swarm.nodes import Membership, Node

MANAGERS = [{"NodeID": "m", "Addr": "10.0.0.1:2377"}]


def node(name: str, availability: str = "active", state: str = "ready", **labels: str) -> Node:
    spec = {"Labels": labels, "Availability": availability}
    document = {"ID": name, "Description": {"Hostname": name}, "Spec": spec, "Status": {"State": state}}
    return msgspec.convert(document, Node)


@pytest.mark.parametrize(
    ("answer", "what", "next"),
    [
        ({"LocalNodeState": "inactive"}, "in no swarm", "docker swarm init"),
        ({"LocalNodeState": "locked"}, "locked", "docker swarm unlock"),
        ({"LocalNodeState": "active", "RemoteManagers": MANAGERS}, "no manager", "bgctl --host 10.0.0.1"),
        ({"LocalNodeState": "active"}, "no leader", "docker node ls"),
    ],
)
def test_no_service_can_be_placed_from_here(answer: dict[str, Any], what: str, next: str) -> None:
    with pytest.raises(Refused, match=what) as caught:
        msgspec.convert(answer, Membership).check()
    assert next in caught.value.next


def test_a_manager_may() -> None:
    msgspec.convert({"LocalNodeState": "active", "ControlAvailable": True}, Membership).check()


def test_the_nodes_of_a_project() -> None:
    there = [node("a", shop="true"), node("b", "drain", shop="true"), node("c"), node("d", state="down")]
    assert [each.name for each in nodes.of_project(there, NodeLabel(""))] == ["a", "c", "d"]
    assert [each.name for each in nodes.of_project(there, NodeLabel("shop"))] == ["a"]
    with pytest.raises(Refused, match="shop=blue") as caught:
        nodes.of_project(there, NodeLabel("shop=blue"))
    assert caught.value.next == "docker node update --label-add shop=blue NODE"
    with pytest.raises(Refused, match="all are drained: b"):
        nodes.of_project([there[1]], NodeLabel(""))
