"""`python -m tests.cluster`: a release on three hosts, each request of whose users goes to another one."""

from __future__ import annotations

import sys
import time

from testbed.cluster import laboratory
from testbed.cluster.redis import Redis
from testbed.cluster.waiting import eventually
from testbed.load import LoadProcess, Tally

from .by_hand import NEEDED, NEW, OLD, Hosts

USERS = {"cookie": 12, "bearer": 6, "anonymous": 12, "tabs": 3, "websocket": 6}
RATE = 60.0  # requests a second, of all users
ANSWERS = 600  # that are waited for before the switch, and after it


def main() -> int:
    """0 when no request failed and no session was answered by another version than its own."""
    began = time.monotonic()
    with laboratory(images=NEEDED) as lab:
        store = Redis(lab.nodes[0])
        store.start()
        hosts = Hosts(lab, store)
        hosts.up()
        tally = _released(hosts)
    print(_line(len(hosts.addresses), tally, time.monotonic() - began))
    for failure in tally.failures:
        print(f"  {failure}")
    return 0 if tally.clean else 1


def _released(hosts: Hosts) -> Tally:
    """From OLD to NEW, for those who come after the switch."""
    with LoadProcess(hosts.url, served={OLD}, rate=RATE, hosts=hosts.addresses) as load:
        for kind, n in USERS.items():
            load.spawn(kind, n)  # type: ignore[arg-type]
        eventually(lambda: load.snapshot().requests > ANSWERS, "users are there")
        hosts.everywhere("up-green", NEW)
        load.set_served({OLD, NEW})
        hosts.everywhere("route", "enable-green")
        load.log_out(version=OLD, limit=10, visitors=True)  # who comes back is new
        eventually(lambda: load.snapshot().answers.get(NEW, 0) > ANSWERS, f"{NEW} is used")
        return load.stop()


def _line(nodes: int, tally: Tally, seconds: float) -> str:
    shares = " ".join(f"{version}={n}" for version, n in sorted(tally.answers.items()))
    return (
        f"cluster: nodes={nodes} requests={tally.requests} failed={tally.failed} flipped={tally.flipped} "
        f"{shares} gap={tally.max_gap_ms:.0f}ms seconds={seconds:.0f}"
    )


if __name__ == "__main__":
    sys.exit(main())
