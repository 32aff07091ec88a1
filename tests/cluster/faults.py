"""What can go wrong on several hosts, one thing at a time: how it begins, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from testbed.cluster import Node
from tests.cluster.shop import Shop

# Steps of a release after which a fault begins.
STEPS = ("start-green", "record", "routing", "drain", "retire-blue", "stop-blue", "start-blue", "serve-blue")


@dataclass(frozen=True)
class Fault:
    """`begin` and `end` are given the project. The node of this number is `away` meanwhile, if there is one.

    What had reached that node may be lost, and nothing else. `log_ins`: whether users can log in meanwhile.
    """

    name: str
    begin: Callable[[Shop], object]
    end: Callable[[Shop], object]
    away: int | None = None
    log_ins: bool = True


def _node(shop: Shop, number: int) -> Node:
    return shop.lab.nodes[number]


def signal_agent(name: str) -> Callable[[Shop], object]:
    """Of the last node: to the first process of its agent's container."""

    def do(shop: Shop) -> None:
        node = _node(shop, 2)
        of = "label=com.docker.swarm.service.name=shop_bgctl-agent"
        for container in node.docker("ps", "--quiet", "--filter", of).split():
            node.docker("kill", "--signal", name, container)

    return do


def _back(number: int) -> Callable[[Shop], object]:
    def do(shop: Shop) -> None:
        _node(shop, number).back()
        shop.lab.swarm.wait({node.name: "ready" for node in shop.lab.nodes})

    return do


def _mended(shop: Shop) -> None:
    _node(shop, 2).mend()
    shop.lab.swarm.wait({node.name: "ready" for node in shop.lab.nodes})


FAULTS = (
    Fault("a node killed", lambda shop: _node(shop, 2).kill(), _back(2), away=2),
    Fault("a node cut off", lambda shop: _node(shop, 2).cut(), _mended, away=2),
    Fault("the leader killed", lambda shop: _node(shop, 0).kill(), _back(0), away=0),
    Fault("Redis killed", lambda shop: shop.store.kill(), lambda shop: shop.store.start(), log_ins=False),
    Fault("an agent stopped", signal_agent("STOP"), signal_agent("CONT")),
)
