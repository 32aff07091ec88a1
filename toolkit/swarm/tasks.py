"""The services of a swarm and their tasks: on which nodes each should run, and why it does not where so."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from toolkit.swarm.nodes import Node

RUNNING, STARTING, COMPLETE = "running", "starting", "complete"
# The order of a task's life. It waits for a place, is given to a node, and is made ready there.
COMING = ("new", "pending", "allocated", "assigned", "accepted", "preparing", "ready", STARTING)
FAILED = ("failed", "rejected")  # it died by itself; the node could not start it
ENDED = (COMPLETE, *FAILED)
GONE = ("shutdown", "orphaned", "remove")  # taken away by the swarm
SPECIFIED = "bgctl.specified"  # a label of containers: another one for another entry of a stack file
TRIES = 3  # so many failures of the same service on one node: it does not get better by itself


class _ContainerStatus(Struct, frozen=True):
    id: str = field(name="ContainerID", default="")
    pid: int = field(name="PID", default=0)
    exit_code: int = field(name="ExitCode", default=0)


class _Status(Struct, frozen=True):
    at: str = field(name="Timestamp", default="")
    state: str = field(name="State", default="new")
    error: str = field(name="Err", default="")
    container: _ContainerStatus = field(name="ContainerStatus", default=_ContainerStatus())


class Task(Struct, frozen=True):
    """One task as `inspect` has it: a container on one node, from before it is placed until after its end."""

    id: str = field(name="ID")
    service: str = field(name="ServiceID")
    created: str = field(name="CreatedAt", default="")
    node: str = field(name="NodeID", default="")
    slot: int = field(name="Slot", default=0)
    status: _Status = field(name="Status", default=_Status())
    desired: str = field(name="DesiredState", default="")
    spec: dict[str, Any] = field(name="Spec", default_factory=dict)

    @property
    def state(self) -> str:
        return self.status.state

    @property
    def reason(self) -> str:
        """Why it does not run, in the swarm's own words where there is no exit code; "": nothing is wrong."""
        code = self.status.container.exit_code
        return f"it exited with code {code}" if self.state == "failed" and code else self.status.error.strip()

    @property
    def over(self) -> bool:
        return self.state in ENDED or self.state in GONE

    @property
    def leaves(self) -> bool:
        """Whether it is being taken away, and has not gone yet."""
        return self.desired in ("shutdown", "remove") and not self.over

    @property
    def place(self) -> object:
        """What another task is in the place of: one of its service on its node, or of its number."""
        return self.slot or self.node


class _Spec(Struct, frozen=True):
    name: str = field(name="Name", default="")
    labels: dict[str, str] | None = field(name="Labels", default=None)
    template: dict[str, Any] = field(name="TaskTemplate", default_factory=dict)
    mode: dict[str, Any] = field(name="Mode", default_factory=dict)
    endpoint: dict[str, Any] = field(name="EndpointSpec", default_factory=dict)


def _mark(template: Mapping[str, Any]) -> tuple[object, object]:
    """What tells specifications apart: docker prints that of a service with defaults, a task's without."""
    labels = (template.get("ContainerSpec") or {}).get("Labels") or {}
    return labels.get(SPECIFIED), template.get("ForceUpdate", 0)


class _Update(Struct, frozen=True):
    state: str = field(name="State", default="")
    message: str = field(name="Message", default="")


class Service(Struct, frozen=True):
    """One service as `docker service inspect` has it."""

    id: str = field(name="ID")
    created: str = field(name="CreatedAt", default="")
    spec: _Spec = field(name="Spec", default=_Spec())
    update: _Update = field(name="UpdateStatus", default=_Update())

    @property
    def container(self) -> dict[str, Any]:
        found: dict[str, Any] = self.spec.template.get("ContainerSpec") or {}
        return found

    @property
    def image(self) -> str:
        """Its name, with the digest by which the nodes pull it, if it has one."""
        return str(self.container.get("Image", ""))

    @property
    def digest(self) -> str:
        """Another one for another specification of its tasks."""
        text = msgspec.json.encode(self.spec.template, order="sorted")
        return hashlib.sha256(text).hexdigest()[:16]

    @property
    def comes_back(self) -> bool:
        """Whether a task that ends is replaced."""
        policy = self.spec.template.get("RestartPolicy") or {}
        return str(policy.get("Condition", "any")) == "any"

    @property
    def contents(self) -> set[str]:
        """The names of the secrets and configs that its tasks have."""
        kinds = (("Secrets", "SecretName"), ("Configs", "ConfigName"))
        return {str(each.get(name)) for kind, name in kinds for each in self.container.get(kind) or []}

    @property
    def mark(self) -> str:
        """What the stack file has written on its containers."""
        return str((self.container.get("Labels") or {}).get(SPECIFIED, ""))

    def describes(self, task: Task) -> bool:
        """Whether a task is of this specification, and not of the one before."""
        return _mark(self.spec.template) == _mark(task.spec)


class Place(Struct, frozen=True):
    """Where one task of a service is wanted. `task` is the latest there; `current`: of this specification.

    `failed` are those before it that failed, of that specification. `node` is the name of the node; "": the
    swarm has found none yet.
    """

    node: str
    task: Task
    failed: list[Task]
    current: bool

    @property
    def runs(self) -> bool:
        return self.task.state == RUNNING

    @property
    def problem(self) -> str:
        """Why it does not run; "": it does, or is about to for the first time, or has done its work."""
        if self.runs or self.task.state == COMPLETE:
            return ""
        return next((why for each in (self.task, *self.failed[-1:]) if (why := each.reason)), "")

    @property
    def hopeless(self) -> bool:
        return not self.runs and len(self.failed) >= TRIES


class Standing(Struct, frozen=True):
    """A service with all its places. `leaves`: a task is being taken away, and another one may follow it."""

    service: Service
    places: list[Place]
    leaves: bool = False

    @property
    def running(self) -> bool:
        return bool(self.places) and all(place.runs for place in self.places) and not self.leaves

    @property
    def partly(self) -> bool:
        """Whether it runs on some nodes, and the swarm brings it back on the others."""
        return self.service.comes_back and not self.running and any(place.runs for place in self.places)

    @property
    def settled(self) -> bool:
        """Whether the tasks of the present specification have all been started, or have failed.

        Tasks are listed, and then looked at. The one that comes may not have been there when they were
        listed, and is to be waited for all the same: the one before it leaves.
        """
        done = (RUNNING, STARTING, *ENDED)
        are_done = all(each.current and each.task.state in done for each in self.places)
        return bool(self.places) and are_done and not self.leaves

    @property
    def words(self) -> str:
        """ "2 of 3 running; node c: No such image"."""
        count = sum(place.runs for place in self.places)
        leaving = ["one is being taken away"] if self.leaves else []
        return "; ".join([f"{count} of {len(self.places)} running", *leaving, *self.problems])

    @property
    def problems(self) -> list[str]:
        """Each with the nodes that have it."""
        found: dict[str, list[str]] = {}
        for place in self.places:
            if place.problem:
                found.setdefault(place.problem, []).append(place.node)
        return [_with_nodes(problem, nodes) for problem, nodes in found.items()]

    @property
    def hopeless(self) -> str:
        """Why it cannot run any more by itself; "": it still may."""
        over = any(place.task.state in ENDED for place in self.places)
        lost = any(place.hopeless for place in self.places)
        return self.words if lost or (over and not self.service.comes_back) else ""


def _with_nodes(problem: str, nodes: Sequence[str]) -> str:
    named = list(filter(None, nodes))
    return f"{'nodes' if len(named) > 1 else 'node'} {', '.join(named)}: {problem}" if named else problem


def standings(services: Iterable[Service], tasks: Sequence[Task], nodes: Sequence[Node]) -> list[Standing]:
    there = {node.id: node for node in nodes if node.ready}
    return [_standing(service, tasks, there) for service in services]


def _standing(service: Service, tasks: Sequence[Task], nodes: Mapping[str, Node]) -> Standing:
    tried = list(_tried(service, tasks, nodes))
    return Standing(service, list(_places(service, tried, nodes)), any(each[-1].leaves for each in tried))


def _tried(service: Service, tasks: Sequence[Task], nodes: Mapping[str, Node]) -> Iterator[list[Task]]:
    """The tasks at each place, the latest last. A node that is down is no place."""
    found: dict[object, list[Task]] = {}
    for task in sorted((each for each in tasks if each.service == service.id), key=lambda each: each.created):
        found.setdefault(task.place, []).append(task)
    for tried in found.values():
        latest = tried[-1]
        if latest.state not in GONE and (not latest.node or latest.node in nodes):
            yield tried


def _places(service: Service, tried: list[list[Task]], nodes: Mapping[str, Node]) -> Iterator[Place]:
    """The places that the swarm has for a service now."""
    for tasks in tried:
        latest = tasks[-1]
        if latest.leaves:
            continue
        failed = [each for each in tasks if each.state in FAILED and service.describes(each)]
        name = nodes[latest.node].name if latest.node else ""
        yield Place(name, latest, failed, service.describes(latest))
