"""A page, a service behind it that it calls by its plain name, and a worker, through two releases."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from tests.e2e.support.patrons import Pair
from tests.e2e.support.stacks import eventually
from tests.e2e.support.walkers import Crowd
from tests.e2e.support.walks import USERS, Walk, finish, walking

pytestmark = pytest.mark.timeout(600)

PAIR = re.compile(r"worker v(\d+), api v(\d+)")


def heard(walk: Walk, slot: str) -> set[tuple[str, str]]:
    """(its own version, that of the service which it called) of each line of the worker in a slot."""
    (worker,) = walk.containers(f"worker-{slot}")
    return set(PAIR.findall(walk.engine_says("logs", worker)))


@pytest.mark.parametrize("last", ["2", pytest.param("3", marks=pytest.mark.faults)], ids=["short", "long"])
def test_calls_inside_the_stack_stay_on_their_version(tmp_path, last):
    with walking(tmp_path, "pair", 18300) as walk:
        walk.compose("up", "-d")
        eventually(lambda: walk.answers("/"), "the page and what is behind it answer")
        walk.init("1", "--service", "web", "--also", "api=/api/")
        walk.bgctl("adopt")

        def while_both_run() -> None:
            old, new = heard(walk, "blue"), heard(walk, "green")
            assert all(own == called for own, called in old | new), (old, new)
            eventually(lambda: len(heard(walk, "green")) == 1, "the new worker is at work")

        with Crowd(walk.url, "1", Pair, USERS) as crowd:
            for old, new in pairwise(str(number) for number in range(1, int(last) + 1)):
                walk.edit("app.py", f'VERSION = "{old}"', f'VERSION = "{new}"')
                walk.release(crowd, old, new, while_both_run)
                eventually(lambda: heard(walk, "blue"), "the worker is at work again")
                assert heard(walk, "blue") == {(new, new)}
            finish(walk, crowd, last)
