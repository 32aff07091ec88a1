"""How much one proxy carries: its workers, their connections, and the memory in which it knows sessions.

What bgctl.toml leaves at 0 follows the machine, in steps that a few MB more or less do not change.
"""

import math
import os
from dataclasses import dataclass

from toolkit.config.edge_tables import Proxy
from toolkit.errors import Refused

GIB, MIB = 1 << 30, 1 << 20
WORKERS = range(2, 17)
CONNECTIONS = {1: 2048, 2: 4096}  # for each worker, from so many GiB on
SESSIONS = {1: 50_000, 2: 100_000, 4: 200_000, 8: 400_000}
OWN = 512  # connections of a worker's own: those it keeps to services, health checks, listeners
CONNECTION = 64 << 10  # bytes that a client's connection may take while an app answers it: its buffers
# Bytes for each of [proxy] sessions. A line has 128 or 256 bytes, sizes that nginx's allocator has, and 2 for
# its page; a session may have more than one token.
SHARED = {
    "seen": 260,
    "cookies": 260,
    "visitors": 260,
    "verified": 340,
    "pages": 84,
    "clients": 130,
    "token_sessions": 130,
}
SESSION = sum(SHARED.values())


@dataclass(frozen=True)
class Machine:
    """Its memory in bytes, and the cores that we may use."""

    memory: int
    cores: int


@dataclass(frozen=True)
class Capacity:
    """`connections` are those of clients, for each worker; `written`: by bgctl.toml."""

    workers: int
    connections: int
    sessions: int
    written: bool

    @property
    def clients(self) -> int:
        """How many may be connected at a time, over all workers."""
        return self.workers * self.connections

    @property
    def worker_connections(self) -> int:
        """nginx counts a client's connection and the one to the app."""
        return 2 * self.connections + OWN

    @property
    def descriptors(self) -> int:
        """Each connection may have a file beside it that is sent, or a body that is stored."""
        return 2 * self.worker_connections

    @property
    def shared(self) -> dict[str, str]:
        """The sizes of shared dictionaries, by what stands behind bg_ in their names."""
        return {name: f"{math.ceil(each * self.sessions / MIB)}m" for name, each in SHARED.items()}


def this_machine() -> Machine:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(memory, len(os.sched_getaffinity(0)))


def of(proxy: Proxy, machine: Machine) -> Capacity:
    """Raises Refused where the machine has not got the memory for what is written."""
    workers = proxy.workers or min(max(machine.cores, WORKERS[0]), WORKERS[-1])
    found = Capacity(
        workers=workers,
        connections=proxy.connections or _usual(CONNECTIONS, machine),
        sessions=proxy.sessions or _usual(SESSIONS, machine),
        written=proxy.connections > 0,
    )
    if proxy.sessions:
        _check("sessions", proxy.sessions, SESSION, machine)
    if proxy.connections:
        _check("connections", proxy.connections, CONNECTION * workers, machine)
    return found


def _usual(steps: dict[int, int], machine: Machine) -> int:
    """By the memory in GiB, to the nearest power of two: a machine never has all that is in its name."""
    size = 2 ** round(math.log2(machine.memory / GIB))
    return next((steps[least] for least in sorted(steps, reverse=True) if size >= least), min(steps.values()))


def _check(name: str, written: int, each: int, machine: Machine) -> None:
    """Raises Refused where `written`, of `each` bytes, takes more than half of the memory."""
    most = machine.memory // 2 // each
    if written > most:
        why = f"they may take {written * each / GIB:.1f} GiB, and half of this machine's memory is "
        why += f"{machine.memory / 2 / GIB:.1f} GiB"
        next = f"write {name} = {_round(most)} or less, or 0: as the machine has it"
        raise Refused(f"bgctl.toml: [proxy] {name} = {written} is more than this machine carries", why, next)


def _round(number: int) -> int:
    """Down to two digits, for people to read."""
    step = int(10 ** max(len(str(number)) - 2, 0))
    return number // step * step
