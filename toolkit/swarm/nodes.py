"""The nodes of a swarm, and whether this host may speak for it."""

from collections.abc import Sequence

from msgspec import Struct, field

from toolkit.config.kinds import NodeLabel
from toolkit.errors import Refused

LOCKED, NONE = "locked", "inactive"


class _Manager(Struct, frozen=True):
    address: str = field(name="Addr", default="")


class Membership(Struct, frozen=True):
    """What `docker info` says of the swarm: `state` is "active" for a member, `control` for a manager."""

    node: str = field(name="NodeID", default="")
    state: str = field(name="LocalNodeState", default=NONE)
    control: bool = field(name="ControlAvailable", default=False)
    error: str = field(name="Error", default="")
    managers: list[_Manager] | None = field(name="RemoteManagers", default=None)

    def check(self) -> None:
        """Raises Refused where no service can be placed from here."""
        if self.state == NONE:
            why = 'bgctl.toml has engine = "swarm"'
            next = "docker swarm init   (or, to join one: docker swarm join)"
            raise Refused("this docker is in no swarm", why, next)
        if self.state == LOCKED:
            raise Refused("the swarm is locked", "this manager was started again", "docker swarm unlock")
        if not self.control and self.managers:
            hosts = [each.address.rpartition(":")[0] for each in self.managers]
            why = f"services are placed by a manager: {', '.join(hosts)}"
            next = f"run it there: bgctl --host {hosts[0]} …, or here: docker node promote, typed there"
            raise Refused("this node is no manager of the swarm", why, next)
        if not self.control:
            why = self.error or "most of its managers are gone, or cannot be reached"
            raise Refused("the swarm has no leader", why, "docker node ls")


class _Description(Struct, frozen=True):
    hostname: str = field(name="Hostname", default="")


class _Status(Struct, frozen=True):
    state: str = field(name="State", default="unknown")
    address: str = field(name="Addr", default="")


class _Spec(Struct, frozen=True):
    labels: dict[str, str] | None = field(name="Labels", default=None)
    availability: str = field(name="Availability", default="active")


class Node(Struct, frozen=True):
    """One node as `docker node inspect` has it."""

    id: str = field(name="ID")
    description: _Description = field(name="Description", default=_Description())
    status: _Status = field(name="Status", default=_Status())
    spec: _Spec = field(name="Spec", default=_Spec())

    @property
    def name(self) -> str:
        return self.description.hostname

    @property
    def address(self) -> str:
        return self.status.address

    @property
    def ready(self) -> bool:
        return self.status.state == "ready"

    @property
    def availability(self) -> str:
        """ "active" takes tasks, "pause" keeps those that it has, "drain" has none."""
        return self.spec.availability

    def has(self, label: NodeLabel) -> bool:
        name, value = label.pair
        return not label or (self.spec.labels or {}).get(name) == value


def of_project(nodes: Sequence[Node], label: NodeLabel) -> list[Node]:
    """Those that the swarm has for a project: with its label, and not drained. Raises Refused: none is there.

    One that is down is among them.
    """
    found = [node for node in nodes if node.has(label) and node.availability != "drain"]
    if found:
        return found
    if not label:
        names = ", ".join(node.name for node in nodes)
        next = f"docker node update --availability active {nodes[0].name if nodes else 'NODE'}"
        raise Refused("the swarm has no node for this project", f"all are drained: {names}", next)
    name, value = label.pair
    next = f"docker node update --label-add {name}={value} NODE"
    raise Refused(f"no node has the label {name}={value}", "[project] node_label names it", next)
