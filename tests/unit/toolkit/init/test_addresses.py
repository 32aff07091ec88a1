"""Free ports for slots and for bgctl's own listeners."""

import pytest

from toolkit.errors import Refused
from toolkit.init.addresses import Addresses, choose
from toolkit.values import Address


def chosen(
    replicas: dict[str, int], taken: set[int] | None = None, busy: set[int] | None = None
) -> Addresses:
    """`taken`: published by the compose file; `busy`: somebody listens there."""
    return choose(replicas, taken or set(), lambda address: address.port not in (busy or set()))


def ports(found: Addresses) -> dict[str, tuple[int, int]]:
    return {name: (blue.port, green.port) for name, (blue, green) in found.slots.items()}


def test_the_usual_ones() -> None:
    found = chosen({"web": 1})
    assert ports(found) == {"web": (8081, 8082)}
    assert (found.control, found.sessions) == ("127.0.0.1:9180", "127.0.0.1:8090")


def test_none_twice_and_none_that_is_taken() -> None:
    found = chosen({"web": 1, "api": 1}, taken={8081, 8084}, busy={8083})
    assert ports(found) == {"web": (8082, 8085), "api": (8086, 8087)}


def test_a_replica_has_the_next_port_of_its_slot() -> None:
    assert ports(chosen({"web": 3, "api": 1}, busy={8082})) == {"web": (8083, 8086), "api": (8081, 8089)}


@pytest.mark.parametrize("where", ["taken", "busy"])
def test_other_listeners_where_the_usual_ones_are_taken(where: str) -> None:
    found = chosen({"web": 1}, **{where: {8090, 9180, 9181}})
    assert (found.control, found.sessions) == ("127.0.0.1:9182", "127.0.0.1:8091")


def test_no_port_is_free() -> None:
    with pytest.raises(Refused, match="is free"):
        choose({"web": 1}, set(), lambda _: False)


def test_free_is_asked_of_loopback() -> None:
    asked: list[Address] = []

    def is_free(address: Address) -> bool:
        asked.append(address)
        return True

    choose({"web": 1}, set(), is_free)
    assert {each.host for each in asked} == {"127.0.0.1"}
