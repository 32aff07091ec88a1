"""What is promised of switches, and whether it was kept."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from .runs import Outcome

LONGEST_GAP = 200.0  # milliseconds


@dataclass(frozen=True)
class Promise:
    """`kept` is None for what is told and not promised."""

    what: str
    found: str
    kept: bool | None = None


def promises(outcome: Outcome) -> list[Promise]:
    tally = outcome.tally
    return [
        Promise("switches", f"{len(outcome.took):,}"),
        Promise("one takes (median, longest)", took(outcome.took)),
        Promise("requests", f"{tally.requests:,} in {tally.seconds:.0f} s"),
        Promise("WebSockets, event streams", f"{tally.websockets_opened:,}, {tally.streams_opened:,}"),
        Promise("long polls, uploads, downloads", f"{tally.polls:,}, {tally.uploads:,}, {tally.downloads:,}"),
        none("failed", tally.failed),
        none("flipped", tally.flipped),
        Promise(
            "people who stayed all the time, and were kept",
            f"{tally.kept} of {tally.regulars}",
            tally.kept == tally.regulars > 0,
        ),
        Promise("moved with green", f"{tally.moved:,}") if outcome.run.moves else none("moved", tally.moved),
        none("WebSockets cut", tally.websockets_cut),
        none("event streams cut", tally.streams_cut),
        none("POSTs done twice (ledgers of both slots)", max(tally.doubled_posts, len(outcome.doubled))),
        none("POSTs answered, and not done", len(outcome.lost)),
        Promise("sent again, for an idle connection was being closed", str(tally.resent)),
        Promise("longest gap", f"{tally.max_gap_ms:.0f} ms", tally.max_gap_ms < LONGEST_GAP),
        Promise("of which this load generator itself was late", f"{tally.max_lag_ms:.0f} ms at most"),
    ]


def none(what: str, found: int) -> Promise:
    return Promise(what, f"{found:,}", found == 0)


def took(times: list[float]) -> str:
    return f"{statistics.median(times):.0f} ms, {max(times):.0f} ms"
