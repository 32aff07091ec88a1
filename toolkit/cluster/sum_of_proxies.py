"""One status out of those of several proxies: what is counted is added up, of the rest the worst holds."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

from msgspec import field
from msgspec.structs import replace

from toolkit.clients.figures import Figures
from toolkit.clients.proxy_status import (
    Activity,
    Gate,
    Mirror,
    NodeStatus,
    PassedOver,
    PeerHealth,
    Slot,
    Status,
)

T = TypeVar("T")


class Sum(Status, frozen=True):
    """`parts` are the statuses that are waited for, by node. `missing` nodes are not heard: each with why.

    `nodes` has what each node is told, and what load balancers are told of it.
    """

    parts: dict[str, Status] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, NodeStatus] = field(default_factory=dict)

    def applied(self, generation: int) -> bool:
        """Each proxy by itself: workers that one has too many do not stand in for those of another one."""
        every = self.parts.values()
        return bool(every) and not self.missing and all(each.applied(generation) for each in every)


def of(
    parts: Mapping[str, Status], missing: Mapping[str, str], left_out: Collection[str] = frozenset()
) -> Sum:
    """`parts` has at least one status. What a slot serves is said by the proxy with the newest state.

    What is open on nodes that are `left_out` counts, and they are not waited for.
    """
    parts = dict(sorted(parts.items()))
    every = list(parts.values())
    newest = max(every, key=lambda status: status.generation or 0)
    names = sorted({name for each in every for name in each.slots})
    return Sum(
        workers=[worker for each in every for worker in each.workers],
        expected=sum(each.expected for each in every),
        slots={name: _slot(name, parts, newest) for name in names},
        generation=_all(min, (each.generation for each in every)),
        state_error=_errors(parts, missing),
        activity=_activity(parts),
        figures=_figures(every),
        started_at=None if missing else _all(max, (each.started_at for each in every)),
        gate=_gate(every, newest),
        mirror=_mirror(every, newest),
        parts={node: each for node, each in parts.items() if node not in left_out},
        missing=dict(missing),
        nodes={node: each.node for node, each in parts.items() if each.node},
    )


def by_node(status: Status | None) -> dict[str, NodeStatus]:
    """What each node is told, by name; "" is the one of this host, where there is no other."""
    if isinstance(status, Sum):
        return status.nodes
    return {"": status.node} if status and status.node else {}


def _slot(name: str, parts: Mapping[str, Status], newest: Status) -> Slot:
    theirs = {node: each.slots[name] for node, each in parts.items() if name in each.slots}
    every = theirs.values()
    said = newest.slots.get(name, Slot())
    return replace(
        said,
        open=sum(each.open for each in every),
        websockets=sum(each.websockets for each in every),
        served=_all(sum, (each.served for each in every)),
        errors=_all(sum, (each.errors for each in every)),
        health=_health({node: slot.health for node, slot in theirs.items()}),
    )


def _health(theirs: Mapping[str, PeerHealth]) -> PeerHealth:
    """A slot is up when it is so on every node, since the last one found it so; down when it is on any."""
    passed = [
        PassedOver(f"{node} {each.address}", each.why) for node, one in theirs.items() for each in one.passed
    ]
    down = {node: one for node, one in theirs.items() if one.up is False}
    if down:
        why = "; ".join(f"on {node}: {one.why or 'down'}" for node, one in down.items())
        known = [one.since for one in down.values() if one.since is not None]
        return PeerHealth(False, min(known, default=None), why, passed)
    if any(one.up is None for one in theirs.values()):
        return PeerHealth(passed=passed)
    return PeerHealth(True, _all(max, (one.since for one in theirs.values())), None, passed)


def _errors(parts: Mapping[str, Status], missing: Mapping[str, str]) -> str | None:
    said = [f"{node} {why}" for node, why in missing.items()]
    said += [f"{node}: {each.state_error}" for node, each in parts.items() if each.state_error]
    return "; ".join(said) or None


def _activity(parts: Mapping[str, Status]) -> Activity | None:
    """A count is complete only when every proxy reports: the proxy that has delivered longest ago counts."""
    theirs = {node: each.activity for node, each in parts.items() if each.activity}
    every = theirs.values()
    if not theirs:
        return None
    return Activity(
        queued=sum(each.queued for each in every),
        delivered=sum(each.delivered for each in every),
        dropped=sum(each.dropped for each in every),
        last_delivery=_all(min, (each.last_delivery for each in every)),
        error="; ".join(f"{node}: {each.error}" for node, each in theirs.items() if each.error) or None,
    )


def _figures(every: Iterable[Status]) -> dict[str, Figures]:
    added: dict[str, Figures] = {}
    for each in every:
        for version, figures in each.figures.items():
            added[version] = added[version].plus(figures) if version in added else figures
    return added


def _gate(every: Iterable[Status], newest: Status) -> Gate | None:
    gates = [each.gate for each in every if each.gate]
    mode = newest.gate.mode if newest.gate else None
    return Gate(mode, sum(gate.waiting for gate in gates)) if gates else None


def _mirror(every: Iterable[Status], newest: Status) -> Mirror | None:
    if newest.mirror is None:
        return None
    version = newest.mirror.version
    same = [each.mirror for each in every if each.mirror and each.mirror.version == version]
    return Mirror(
        version,
        sum(each.requests for each in same),
        sum(each.errors for each in same),
        sum(each.dropped for each in same),
    )


def _all(join: Callable[[list[T]], T], values: Iterable[T | None]) -> T | None:
    """What `join` makes of all values; None when one is not known."""
    known = list(values)
    there = [each for each in known if each is not None]
    return join(there) if len(there) == len(known) else None
