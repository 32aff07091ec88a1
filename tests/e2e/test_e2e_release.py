"""The headline: a whole release and a rollback under constant load, and nobody notices."""

from __future__ import annotations

from rich.console import Console

from demo.load import LoadProcess
from demo.story import NEW, NEXT, OLD, RATE, Story


def test_a_release_and_a_rollback_that_nobody_notices(stack):
    """Zero failed, zero flipped, no WebSocket cut, no POST done twice; nothing at all in the error log."""
    with LoadProcess(stack.url, served={OLD}, rate=RATE) as load:
        tally = Story(stack, load, Console(force_terminal=False)).tell()
    assert (tally.failed, tally.flipped, tally.websockets_cut, tally.doubled_posts) == (0, 0, 0, 0), tally
    assert tally.clean
    assert tally.requests >= 20_000
    assert tally.websockets_opened >= 50
    assert min(tally.answers[version] for version in (OLD, NEW, NEXT)) > 0
    status = stack.ask("status")
    assert (status["phase"], status["slots"]["blue"]["version"]) == ("rest", NEW)
    assert stack.containers("frontend-green") == []
    assert f"CURRENT_VERSION={NEW}" in (stack.directory / ".env").read_text().splitlines()
    outcomes = [(line["command"], line["outcome"]) for line in stack.ask("history")]
    assert ("promote", "done") in outcomes
    assert ("rollback", "done") in outcomes
