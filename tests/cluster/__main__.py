"""`make cluster`: releases on three hosts, and faults in them; each request of a user goes to another host.

    python -m tests.cluster [--faults N] [--first NUMBER]

The project is typed about on the second node, which has the Redis too; the first leads the swarm, and may be
killed, as may the third.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial

from testbed.cluster import laboratory
from testbed.cluster.redis import Redis
from testbed.cluster.waiting import eventually
from testbed.load import LoadProcess, Tally
from tests.cluster.faults import FAULTS, STEPS, Fault
from tests.cluster.releasing import Release
from tests.cluster.shop import NEEDED, NEW, OLD, Shop

USERS = {"cookie": 12, "bearer": 6, "anonymous": 12, "tabs": 3, "websocket": 6}
FAULT_USERS = {"cookie": 8, "bearer": 4, "anonymous": 8}
RATE = 60.0  # requests a second, of all users
ANSWERS = 300  # that are waited for before a release, and after it
CALM = 120.0  # seconds after a fault until the same command has to work


def main() -> int:
    """0 when no request failed, no session was flipped, and each fault ended with one version everywhere."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster")
    parser.add_argument("--faults", type=int, default=50, help="how many (default: 50)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one, to see it again")
    asked = parser.parse_args()
    count, first = asked.faults, asked.first
    began = time.monotonic()
    with laboratory(images=NEEDED) as lab:
        store = Redis(lab.nodes[1])
        store.start()
        shop = Shop(lab, lab.nodes[1], store).create()
        shop.bgctl("up")
        tallies, switches = [], []
        tally, release = released(shop)
        tallies.append(tally)
        switches += release.switches
        converged, serving = 0, NEW
        for number in range(first, first + count):
            fault, step = FAULTS[number % len(FAULTS)], STEPS[number % len(STEPS)]
            tally, serving = broken(shop, fault, step, serving)
            tallies.append(tally)
            converged += is_one(shop, serving)
            print(f"{number}: {fault.name} after {step}: {serving} everywhere; {words([tally])}", flush=True)
            print(*(f"  {failure}\n" for failure in tally.failures), sep="", end="", flush=True)
    print(
        f"cluster: nodes={len(shop.addresses)} {words(tallies)} switch_ms={max(switches)} faults={count} "
        f"converged={converged} seconds={time.monotonic() - began:.0f}"
    )
    return 0 if converged == count and not sum(t.failed + t.flipped for t in tallies) else 1


def released(shop: Shop) -> tuple[Tally, Release]:
    """A release from OLD to NEW, from its beginning to its end, while users log out and come back."""
    with LoadProcess(shop.url, served={OLD}, rate=RATE, hosts=shop.addresses) as load:
        for kind, n in USERS.items():
            load.spawn(kind, n)  # type: ignore[arg-type]
        eventually(lambda: load.snapshot().requests > ANSWERS, "users are there")
        load.set_served({OLD, NEW})
        release = Release(shop, NEW)
        release.after("routing", lambda: load.leave(OLD, 0.2, come_back=True))
        if release.wait():
            raise AssertionError(release.said)
        load.set_served({NEW})
        load.settle()
        eventually(lambda: load.snapshot().answers.get(NEW, 0) > ANSWERS, f"{NEW} is used")
        return load.stop(), release


def broken(shop: Shop, fault: Fault, step: str, serving: str) -> tuple[Tally, str]:
    """A release in whose middle something goes wrong, and comes back. Returns what is served in the end."""
    new = OLD if serving == NEW else NEW
    with LoadProcess(shop.url, served={OLD, NEW}, rate=RATE, hosts=shop.addresses) as load:
        for kind, n in FAULT_USERS.items():
            load.spawn(kind, n)  # type: ignore[arg-type]
        eventually(lambda: load.snapshot().requests > ANSWERS, "users are there")
        release = Release(shop, new)
        leaves = partial(load.leave, serving, 0.1, come_back=True)
        if STEPS.index(step) > STEPS.index("routing"):  # or it would wait for ever in the drain
            release.after("routing", leaves)
        away = [shop.addresses[fault.away]] if fault.away is not None else []
        release.after(step, lambda: load.set_away(away))
        fault.begin(shop)
        release.wait_while(leaves if fault.log_ins else lambda: None)
        fault.end(shop)
        load.set_away([])
        brought_to_rest(shop, new, leaves)
        return load.stop(), new


def brought_to_rest(shop: Shop, version: str, leaves: Callable[[], object]) -> None:
    """As an operator would: the same command again, until it works.

    A node that is back starts its slots first. Users leave the old version all the time: before the switch
    they come back to it.
    """
    said: list[str] = []

    def is_done() -> bool:
        again = Release(shop, version)
        done = again.wait_while(leaves) == 0
        said.append(again.said)
        return done

    try:
        eventually(is_done, f"{version} is released", within=CALM)
    except AssertionError as error:
        raise AssertionError(f"{error}: {said[-1]}") from None


def is_one(shop: Shop, serving: str) -> bool:
    """Whether all nodes have the same state, and serve just this."""
    routes = shop.routes()
    return (
        len(routes) == len(shop.addresses)
        and len(set(routes.values())) == 1
        and {version for _, version in routes.values()} == {serving}
    )


def words(tallies: list[Tally]) -> str:
    names = ("requests", "failed", "flipped", "lost")
    return " ".join(f"{name}={sum(getattr(tally, name) for tally in tallies)}" for name in names)


if __name__ == "__main__":
    sys.exit(main())
