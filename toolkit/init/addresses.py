"""Free ports of this machine for the slots and for bgctl's own listeners."""

from collections.abc import Callable, Collection, Mapping

from msgspec import Struct

from toolkit.config import Config
from toolkit.config.edge_tables import Proxy
from toolkit.config.tables import Sessions
from toolkit.errors import Refused
from toolkit.values import Address

FIRST = 8081  # of the slots
LAST = 65535
CONTROL, SESSIONS = Proxy().control, Sessions().address  # the usual ones


class Addresses(Struct, frozen=True):
    """`slots`: blue and green of each service, by its name; a replica has the next port of its slot."""

    slots: dict[str, tuple[Address, Address]]
    control: Address
    sessions: Address


def choose(
    replicas: Mapping[str, int],
    taken: Collection[int],
    is_free: Callable[[Address], bool],
    before: Config | None = None,
) -> Addresses:
    """Ports for services with so many replicas each, none in `taken`. Raises Refused where none is left.

    `before` is the bgctl.toml that is replaced: what runs already keeps its ports.
    """
    used = {*taken, CONTROL.port, SESSIONS.port}

    def next_to(start: int, length: int = 1) -> Address:
        for first in range(start, LAST - length + 2):
            run = [Address(f"127.0.0.1:{first + offset}") for offset in range(length)]
            if all(each.port not in used and is_free(each) for each in run):
                used.update(each.port for each in run)
                return run[0]
        raise Refused("no port of 127.0.0.1 is free", f"bgctl needs some above {start}", "ss -ltn")

    def usual(address: Address) -> Address:
        if address.port not in taken and is_free(address):
            return address
        return next_to(address.port + 1)

    kept = _kept(replicas, before)
    for name, pair in kept.items():
        used.update(each.port + offset for each in pair for offset in range(replicas[name]))
    slots = {
        name: kept.get(name) or (next_to(FIRST, size), next_to(FIRST, size))
        for name, size in replicas.items()
    }
    if before:
        return Addresses(slots, before.proxy.control, before.sessions.address)
    return Addresses(slots, usual(CONTROL), usual(SESSIONS))


def _kept(replicas: Mapping[str, int], before: Config | None) -> dict[str, tuple[Address, Address]]:
    """The pairs of addresses that a bgctl.toml has already, where so many replicas fit between them."""
    known = before.reached if before else {}
    pairs = {name: (known[name].at("blue"), known[name].at("green")) for name in replicas if name in known}
    return {name: pair for name, pair in pairs.items() if abs(pair[0].port - pair[1].port) >= replicas[name]}
