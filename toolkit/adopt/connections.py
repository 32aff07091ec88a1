"""The TCP connections of a network namespace, as /proc/PID/net/tcp and tcp6 list them (proc(5))."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

PROC = Path("/proc")
# States, as include/net/tcp_states.h numbers them.
ESTABLISHED, SYN_RECV, FIN_WAIT1, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING, NEW_SYN_RECV = (
    1,
    3,
    4,
    8,
    9,
    10,
    11,
    12,
)
OPEN = (ESTABLISHED, SYN_RECV, CLOSE_WAIT, NEW_SYN_RECV)
SENDING = (FIN_WAIT1, LAST_ACK, CLOSING)  # closed here, and perhaps still with data on its way
LOOPBACK4 = "7F"  # how the last two of the eight digits of 127.x.y.z begin: they are in the host's order
LOOPBACK6 = "0" * 24 + "01000000"
MAPPED = "0000000000000000FFFF0000"  # before an IPv4 address in an IPv6 socket


class Connection(Struct, frozen=True):
    """One line. `sending` and `waiting` are bytes; of a listener `waiting` are its new connections."""

    local: str
    port: int
    remote_port: int
    state: int
    sending: int
    waiting: int

    @property
    def inside(self) -> bool:
        """Whether it does not leave its namespace, such as a health check within a container."""
        plain = self.local.removeprefix(MAPPED)
        return plain == LOOPBACK6 or (len(plain) == 8 and plain.endswith(LOOPBACK4))

    @property
    def is_open(self) -> bool:
        """Whether somebody would lose something if its program ended now."""
        return self.state in OPEN or (self.state in SENDING and self.sending > 0)


def parse(text: str) -> Iterator[Connection]:
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 5:
            continue
        local, _, port = fields[1].rpartition(":")
        sending, _, waiting = fields[4].partition(":")
        yield Connection(
            local,
            int(port, 16),
            int(fields[2].rpartition(":")[2], 16),
            int(fields[3], 16),
            int(sending, 16),
            int(waiting, 16),
        )


def of(pid: int | str = "self") -> list[Connection]:
    """Those of a process's network namespace; none where it has ended."""
    found: list[Connection] = []
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            found += parse((PROC / f"{pid}" / "net" / table).read_text())
    return found


def open_at(found: Collection[Connection], ports: Collection[int]) -> int:
    """How many people's connections to these ports are open."""
    return sum(each.is_open and each.port in ports and not each.inside for each in found)


def unaccepted(found: Collection[Connection], ports: Collection[int]) -> int:
    """Connections to these ports that no program has accepted: they are cut with their listener."""
    queued = sum(each.waiting for each in found if each.state == LISTEN and each.port in ports)
    return queued + sum(each.state in (SYN_RECV, NEW_SYN_RECV) for each in found if each.port in ports)
