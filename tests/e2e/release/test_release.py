"""The headline: two releases, one with migration, and a rollback under constant load, and nobody notices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from demo.stage import PIN_IDLE
from demo.story import FIRST, IDLE, NEW, NEXT, OLD, RATE, REQUESTS, Story
from testbed.load import LoadProcess
from tests.e2e.support.stacks import Stack, running

# Requests a second: half of the demo's, for other tests run beside this one. Not fewer: a visitor who asks
# more rarely may come so late, on a busy machine, that he counts as idle.
PACE = RATE / 2
FORMS = [
    pytest.param(5_000, id="short"),
    pytest.param(REQUESTS, id="long", marks=pytest.mark.faults),
]

pytestmark = pytest.mark.timeout(900)  # minutes of load; a slow machine may take its time


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running(tmp_path / "project", idle_timeout=IDLE, pin_idle=f"{PIN_IDLE}s", migrate=FIRST) as one:
        yield one


@pytest.mark.parametrize("requests", FORMS)
def test_two_releases_and_a_rollback_that_nobody_notices(stack, requests):
    """Zero failed, zero flipped, no WebSocket cut, no POST done twice; nothing at all in the error log."""
    with LoadProcess(stack.url, served={OLD}, rate=PACE) as load:
        tally = Story(stack, load, Console(force_terminal=False), requests).tell()
    assert (tally.failed, tally.flipped, tally.websockets_cut, tally.doubled_posts) == (0, 0, 0, 0), tally
    assert tally.clean
    assert (tally.kept, tally.regulars) == (60, 60)
    assert tally.migrated > 0
    assert tally.views_to_migrate == 1, "the first page that somebody loads is the new version's"
    assert tally.requests >= requests
    assert tally.websockets_opened >= 50
    assert min(tally.answers[version] for version in (OLD, NEW, NEXT)) > 0
    status = stack.ask("status")
    assert (status["phase"], status["slots"]["blue"]["version"]) == ("rest", NEXT)
    assert stack.containers("frontend-green") == []
    assert f"CURRENT_VERSION={NEXT}" in (stack.directory / ".env").read_text().splitlines()
    outcomes = [(line["command"], line["outcome"]) for line in stack.ask("history", "--changes")]
    assert ("promote", "done") in outcomes
    assert ("rollback", "done") in outcomes
