"""The ports of a project: those of two tests that begin at the same moment are not the same."""

import random
from dataclasses import astuple

from testbed.ports import Ports


def test_they_do_not_follow_from_the_seed_of_a_test() -> None:
    """Each process of the tests begins each of its tests with one and the same seed."""
    drawn = set()
    for _ in range(3):
        random.seed(7)
        drawn.add(Ports.free())
    assert len(drawn) == 3


def test_none_is_given_twice() -> None:
    """An authority that took its ports before the project's proxy listens took one of the proxy's."""
    given = [port for _ in range(40) for port in astuple(Ports.free())]
    assert len(set(given)) == len(given)
