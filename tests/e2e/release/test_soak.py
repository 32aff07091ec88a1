"""A small soak: what `make soak` does a thousand times. How long a gap is, is not judged here."""

from __future__ import annotations

import pytest

from tests.e2e.support.stacks import NEW
from tests.soak.promises import promises
from tests.soak.runs import SHARES, WITHDRAWALS, switched


@pytest.mark.parametrize(("run", "times"), [(SHARES, 16), (WITHDRAWALS, 8)], ids=["shares", "withdrawals"])
def test_switches_in_a_row_cut_nothing_and_double_nothing(stack, run, times):
    stack.bgctl("up-green", NEW)
    outcome = switched(stack, run, times, rate=120)
    broken = [each for each in promises(outcome) if each.kept is False and each.what != "longest gap"]
    assert not broken, (broken, outcome.tally.failures)
    assert outcome.tally.polls and outcome.tally.uploads and outcome.tally.downloads
