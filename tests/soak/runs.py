"""Switches in a row, while a load of every kind runs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from testbed.load import Ledger, LoadProcess, Tally
from testbed.load.user import Kind
from testbed.project import Project
from toolkit import project as operated
from toolkit.errors import Refused
from toolkit.release import route
from toolkit.terminal.ui import UI

OLD, NEW = "1.6.7", "1.6.8"
RATE = 250.0  # requests a second; holders come on top
REGULARS = 20  # of each kind, on either version
PATIENCE = 60.0  # seconds until all have arrived

Switch = tuple[str, int | None]


class Quiet(UI):
    def say(self, text: str, style: str = "") -> None:
        pass


@dataclass(frozen=True)
class Run:
    """`switches` are repeated in this order. `moves`: one of them takes green's sessions to blue.

    `turnover`: seconds between two people who leave a version, and come back as newcomers.
    """

    name: str
    switches: tuple[Switch, ...]
    crowd: dict[Kind, int]
    turnover: float = 0.25
    moves: bool = False


# Whoever has a session keeps its version, whatever the shares of new ones.
SHARES = Run(
    "who gets new sessions",
    (("enable-green", None), ("canary", 10), ("canary", 90), ("canary", 50)),
    {
        "cookie": 20,
        "bearer": 10,
        "anonymous": 20,
        "tabs": 5,
        "websocket": 30,
        "events": 20,
        "poll": 6,
        "upload": 3,
        "download": 3,
    },
)
# Green comes and goes, and blue keeps whom it has got from it, whatever their tokens name.
WITHDRAWALS = Run(
    "green comes and goes",
    (("enable-green", None), ("disable-green", None), ("canary", 50), ("disable-green", None)),
    {
        "cookie": 20,
        "bearer": 10,
        "anonymous": 30,
        "websocket": 30,
        "events": 20,
        "poll": 6,
        "upload": 3,
        "download": 3,
    },
    turnover=0.05,
    moves=True,
)


@dataclass
class Outcome:
    """`took` are milliseconds for each switch: lock, proof, write, every worker's word, history."""

    run: Run
    tally: Tally
    took: list[float]
    doubled: list[str]
    lost: list[str]


def switched(project: Project, run: Run, times: int, rate: float = RATE, silence: float = 0) -> Outcome:
    """Makes `times` switches on a project whose green is up, and leaves it as it was.

    `silence`: seconds for which the silent regulars are silent, at least; more than `pin_idle` outlasts pins.
    """
    with LoadProcess(project.url, served={OLD}, rate=rate) as load:
        load.keep(REGULARS, silence=silence)
        for kind, number in run.crowd.items():
            load.spawn(kind, number)
        _await_crowd(load, sum(run.crowd.values()))
        load.leave(OLD, run.turnover, come_back=True)
        took = []
        for number, (what, percent) in enumerate(_first(run.switches, times)):
            took.append(_switch(project, load, what, percent))
            if number == 0:
                load.keep(REGULARS, silence=silence)  # green's own, and blue's when that goes
                if not run.moves:
                    load.leave(NEW, run.turnover, come_back=True)
        load.call_silent()
        load.call_all()
        tally = load.stop()
    ledger = Ledger()
    ledger.read(f"http://127.0.0.1:{project.ports.blue}", "blue")
    ledger.read(f"http://127.0.0.1:{project.ports.green}", "green")
    project.bgctl("route", "disable-green")
    return Outcome(run, tally, took, ledger.doubled(), ledger.lost(load.posts))


def _first(switches: Sequence[Switch], times: int) -> list[Switch]:
    return list(itertools.islice(itertools.cycle(switches), times))


def _switch(project: Project, load: LoadProcess, what: str, percent: int | None) -> float:
    """Milliseconds."""
    load.set_served({OLD} if what == "disable-green" else {OLD, NEW})
    command = f"route {what}" if percent is None else f"route {what} {percent}"
    at = operated.Project(project.directory, Quiet(), command)
    while True:
        start = time.monotonic()
        try:
            route.run(at, what, percent)
        except Refused:  # a slot was too slow to prove that it is healthy: as an operator does, again
            continue
        break
    took = (time.monotonic() - start) * 1000
    load.settle()
    return took


def _await_crowd(load: LoadProcess, everyone: int) -> None:
    end = time.monotonic() + PATIENCE
    while sum((tally := load.snapshot()).sessions.values()) < everyone:
        if time.monotonic() > end:
            raise RuntimeError(f"not everyone has come in {PATIENCE:g} s: {tally}")
        time.sleep(0.05)
