"""Who has the addresses at which the proxy is to listen: containers of this project, others, or nobody."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from toolkit.adopt import connections
from toolkit.engine import ports, process
from toolkit.engine.container import Container, HostPort
from toolkit.errors import Failed, Refused
from toolkit.project import Project
from toolkit.values import Address

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  as engines write it
DOCKERS = "docker-proxy"  # docker's own program at a published port


class Holder(Struct, frozen=True):
    """A container that has public addresses. `ports` are those within its network namespace."""

    container: Container
    addresses: tuple[Address, ...]
    ports: tuple[int, ...]

    @property
    def name(self) -> str:
        return self.container.service

    def open(self) -> int:
        """How many connections to it are open."""
        pid = self.container.state.pid
        return connections.open_at(connections.of(pid), self.ports) if pid else 0


def find(containers: Iterable[Container], addresses: Sequence[Address]) -> list[Holder]:
    """The containers of a project that have some of these addresses, running or not."""
    found = []
    for each in containers:
        held = {address: port for address in addresses if (port := _port_of(each, address))}
        if held:
            found.append(Holder(each, tuple(held), tuple(dict.fromkeys(held.values()))))
    return found


def _port_of(container: Container, address: Address) -> int | None:
    """Its port behind an address of the host; None: it has not got that one."""
    if container.host.network == "host":
        pid = ports.holder_pid(address)
        return address.port if pid and _is_of(pid, container) else None
    for inside, published in (container.host.ports or {}).items():
        number, _, protocol = inside.partition("/")
        if protocol in ("", "tcp") and any(_covers(each, address) for each in published or []):
            return int(number)
    return None


def _covers(published: HostPort, address: Address) -> bool:
    if published.port != str(address.port):
        return False
    return published.address in EVERYWHERE or address.wildcard or published.address == address.host


def _is_of(pid: int, container: Container) -> bool:
    """Whether a process is in a container: its control group has the container's id in its name."""
    with suppress(OSError):
        return container.id in Path(f"/proc/{pid}/cgroup").read_text()
    return False


def check_foreign(project: Project, free: Sequence[Address]) -> None:
    """Raises Refused where somebody else listens at one of the addresses that no container of ours has."""
    for address in free:
        if project.is_free(address):
            continue
        whose = _foreign(project, address) or ports.holder(address)
        why = f"that is no container of {project.config.project.name}, which is what bgctl can take over"
        mend = "stop that, then: bgctl adopt; or name another port in bgctl.toml"
        raise Refused(f"{address} is taken by {whose}", why, mend)


def _foreign(project: Project, address: Address) -> str:
    """The container of somebody else that publishes this port; "": none is known."""
    with suppress(Failed):
        line = process.run(project.engine.commands.publishers(address.port), timeout=10).strip()
        if line:
            return f"the container {line.splitlines()[0]}"
    return ""


def narrower(holder: Holder, public: Sequence[Address]) -> list[str]:
    """Addresses at which a holder is reached, and at which the proxy will not be, in words."""
    there = [each for published in (holder.container.host.ports or {}).values() for each in published or []]
    lost = []
    for address in holder.addresses:
        same = [each for each in there if each.port == str(address.port)]
        if not address.wildcard and any(each.address in EVERYWHERE for each in same):
            lost.append(
                f"{holder.name} is reached at every address of this host, port {address.port}, and the proxy "
                f"only at {address}"
            )
        elif address.host != "0.0.0.0" or any(each.host == "::" for each in public):  # noqa: S104
            continue
        elif has_ipv6() and any(each.address in ("", "::") for each in same):
            lost.append(
                f"{holder.name} is reached by IPv6 as well, and the proxy not; write [::]:{address.port}"
            )
    return lost


def has_ipv6() -> bool:
    """Whether this host has an IPv6 address that others can reach."""
    with suppress(OSError):
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
        return any(line.split()[3] == "00" for line in lines)  # the scope: global
    return False
