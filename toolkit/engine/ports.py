"""Whether a port of this host is free, and which program has it."""

import socket
from contextlib import suppress
from pathlib import Path

from toolkit.errors import Refused
from toolkit.values import Address

UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def check_allowed(service: str, address: Address) -> None:
    """Raises Refused for a port that only root may take, because the proxy does not run as root."""
    first = first_unprivileged()
    if address.port < first:
        setting = f"net.ipv4.ip_unprivileged_port_start={address.port}"
        why = f"{service} needs it and is not root, for whom this machine keeps ports below {first}"
        mend = f"sysctl -w {setting}   (and to stay so: echo {setting} > /etc/sysctl.d/60-bgctl.conf)"
        raise Refused(f"port {address.port} cannot be taken", why, mend)


def first_unprivileged() -> int:
    """The first port that a user other than root may take, on this host, whose network the proxy uses."""
    try:
        return int(UNPRIVILEGED.read_text())
    except (OSError, ValueError):
        return 0


def is_free(address: Address, apart: bool = False) -> bool:
    """Whether nothing listens there. `apart`: the same port of IPv4 is a listener of its own."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if apart and family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError:
            return False
    return True


def at_every_ipv6(port: int) -> bool:
    """Whether a program listens there at every address of IPv6: engines publish ports so, if they do."""
    with suppress(OSError):
        rows = [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
        return any(row[1] == f"{0:032X}:{port:04X}" and row[3] == "0A" for row in rows)
    return False


def holder(address: Address) -> str:
    """The program that listens there: "nginx (pid 4711)", or "another program" where /proc does not say."""
    with suppress(OSError):
        if pid := holder_pid(address):
            return f"{Path(f'/proc/{pid}/comm').read_text().strip()} (pid {pid})"
    return "another program"


def holder_pid(address: Address) -> int | None:
    """The process that listens there; None where /proc does not say."""
    inodes = _listening(address.port)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(fd.readlink()) in inodes for fd in (process / "fd").iterdir()):
                return int(process.name)
    return None


def _listening(port: int) -> set[str]:
    """The sockets that listen on a TCP port, as /proc/PID/fd names them."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
            found |= {
                f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")
            }
    return found
