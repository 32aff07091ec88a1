"""How many rows of activity a store takes in a second, and how long a census takes.

    python -m tests.bench.stores sqlite|redis [SESSIONS ...]

At a thousand and a million unless told. Wired nowhere: a million sessions take a while.
"""

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from session_api.stores.records import Report, Seen
from session_api.stores.redis.address import RedisAddress
from session_api.stores.redis.store import RedisStore
from session_api.stores.sqlite.store import SqliteStore
from session_api.stores.store import Store

IDLE, BATCH, VERSIONS = 1800, 1000, ("1.6.7", "1.6.8")


@contextmanager
def opened(kind: str) -> Iterator[tuple[Store, Callable[[], int]]]:
    """An empty store, and how many bytes it takes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        if kind == "sqlite":
            path = Path(folder) / "sessions.db"
            yield SqliteStore(path, IDLE), lambda: path.stat().st_size
            return
        socket = Path(folder) / "s"
        command = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            next(line for line in server.stdout if "ready to accept" in line.lower())
            store = RedisStore(RedisAddress(f"unix://{socket}"), IDLE)
            yield store, lambda: int(store._connected().info("memory")["used_memory"])
            server.kill()


def batch(numbers: list[int], oldest: int) -> Report:
    expires_at = int(time.time()) + 7 * 86400
    rows = (
        Seen(f"{n:022}", f"u{n // 2}", VERSIONS[n % 2], random.randint(0, oldest), expires_at)
        for n in numbers
    )
    return Report("web1:8080", 9999, seen=tuple(rows))


def seconds(call: Callable[[], object], times: int) -> str:
    """Median and worst, in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - began))
    return f"{statistics.median(taken):.1f} ms (worst {max(taken):.1f})"


def measure(kind: str, sessions: int) -> None:
    with opened(kind) as (store, size):
        began = time.perf_counter()
        for start in range(0, sessions, BATCH):
            store.note(batch(list(range(start, min(start + BATCH, sessions))), IDLE - 60))
        filling = time.perf_counter() - began
        many = [batch(random.sample(range(sessions), min(BATCH, sessions)), 5) for _ in range(20)]
        began = time.perf_counter()
        for report in many:
            store.note(report)
        rows = sum(len(report.seen) for report in many) / (time.perf_counter() - began)
        one = iter([batch([random.randrange(sessions)], 5) for _ in range(200)])
        print(f"{kind}, {sessions} sessions, {size() / sessions:.0f} bytes each")
        print(f"  filled with {sessions / filling:.0f} rows/s; then {rows:.0f} rows/s in batches of {BATCH}")
        print(f"  a report of one row: {seconds(lambda: store.note(next(one)), 200)}")
        print(
            f"  census: {seconds(store.census, 50)}; of 10 minutes: {seconds(lambda: store.census(600), 50)}"
        )
        print(f"  100 users: {seconds(lambda: store.users('1.6.7', 100), 50)}")
        print(f"  outlook: {seconds(lambda: store.outlook('1.6.7', 0), 20)}", flush=True)


if __name__ == "__main__":
    for number in sys.argv[2:] or ("1000", "1000000"):
        measure(sys.argv[1], int(number))
