"""How many rows of activity a store takes in a second, beside the bare cost, and how long a census takes.

    python -m tests.bench.stores [sqlite|redis ...] [SESSIONS ...]

With 1,000, 100,000 and 1,000,000 sessions unless told; filling takes minutes. In each round a report tells
of a thousand sessions, drawn anew, and each of them was active since: no row says what is known already.
Beside it, of the same sessions: SQLite's own UPDATE of one column by executemany, committed as durably; a
pipeline of ZADD. CPU is that of the process that holds the data: a busy machine changes it less.
"""

import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from session_api.stores.records import Report, Seen
from session_api.stores.redis.address import RedisAddress
from session_api.stores.redis.store import RedisStore
from session_api.stores.sqlite.store import SqliteStore
from session_api.stores.store import Store
from tests.bench import log_ins, processes

IDLE, BATCH, ROUNDS, STEP = 1800, 1000, 50, 10  # STEP: seconds between two reports, by the store's clock
SIZES = (1_000, 100_000, 1_000_000)
BEGAN, EXPIRES, ISSUED = 1_800_000_000, 1_800_600_000, 1_799_990_000
VERSIONS = ("1.6.7", "1.6.8")


@dataclass
class Bench:
    """A store that is measured; `cpu`: seconds that its process has used, `raw`: the bare write."""

    store: Store
    cpu: Callable[[], float]
    size: Callable[[], int]
    raw: Callable[[list[str], int], None]
    prepare: Callable[[list[str]], None]
    clock: list[int]


def measure(kinds: tuple[str, ...] = ("sqlite", "redis"), sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """What bench.json has of stores: rows a second by store and number of sessions, and the log-ins."""
    return {"batch": BATCH, "activity": activity(kinds, sizes), "log_ins": log_ins.measure(kinds)}


def activity(
    kinds: tuple[str, ...] = ("sqlite", "redis"), sizes: tuple[int, ...] = SIZES
) -> dict[str, dict[str, dict[str, Any]]]:
    """By store and number of sessions."""
    return {kind: {str(sessions): _of(kind, sessions) for sessions in sizes} for kind in kinds}


def report(measured: dict[str, Any]) -> str:
    return "\n".join([activity_report(measured["activity"]), log_ins.report(measured["log_ins"])])


def activity_report(measured: dict[str, dict[str, dict[str, Any]]]) -> str:
    lines = []
    for kind, sizes in measured.items():
        for sessions, found in sizes.items():
            lines += [
                f"{kind}, {sessions} sessions, {found['bytes']} bytes each: {found['rows']} rows a second in "
                f"batches of {BATCH} ({found['cpu']} µs of CPU each), "
                f"bare {found['raw']} ({found['raw_cpu']} µs)",
                f"  new sessions {found['filled']} a second; in ms, median and worst: a report of one row "
                f"{found['one_row']}, census {found['census']}, 100 users {found['users']}, "
                f"outlook {found['outlook']}",
            ]
    return "\n".join(lines)


def _of(kind: str, sessions: int) -> dict[str, Any]:
    random.seed(sessions)
    with {"sqlite": _sqlite, "redis": _redis}[kind]() as bench:
        began = time.perf_counter()
        for start in range(0, sessions, BATCH):
            bench.store.note(_batch(range(start, min(start + BATCH, sessions)), IDLE - 60))
        filled = round(sessions / (time.perf_counter() - began))
        rows, cpu = _rounds(bench, lambda numbers: bench.store.note(_batch(numbers, 5)), sessions)
        found: dict[str, Any] = {
            "filled": filled,
            "rows": rows,
            "cpu": cpu,
            "bytes": bench.size() // sessions,
        }
        found |= _waits(bench, sessions)
        bench.prepare([_sid(number) for number in range(sessions)])
        raw, raw_cpu = _rounds(
            bench, lambda numbers: bench.raw([_sid(n) for n in numbers], bench.clock[0]), sessions
        )
        return found | {"raw": raw, "raw_cpu": raw_cpu}


def _rounds(bench: Bench, write: Callable[[list[int]], object], sessions: int) -> tuple[int, float]:
    """Rows a second and µs of CPU for each, medians of the rounds."""
    rates, costs = [], []
    drawn = [random.sample(range(sessions), min(BATCH, sessions)) for _ in range(ROUNDS)]
    for numbers in drawn:
        bench.clock[0] += STEP
        cpu, began = bench.cpu(), time.perf_counter()
        write(numbers)
        rates.append(len(numbers) / (time.perf_counter() - began))
        costs.append(1e6 * (bench.cpu() - cpu) / len(numbers))
    return round(statistics.median(rates)), round(statistics.mean(costs), 1)


def _waits(bench: Bench, sessions: int) -> dict[str, str]:
    one = iter([_batch([random.randrange(sessions)], 5) for _ in range(100)])
    bench.clock[0] += STEP
    return {
        "one_row": _milliseconds(lambda: bench.store.note(next(one)), 100),
        "census": _milliseconds(bench.store.census, 50),
        "users": _milliseconds(lambda: bench.store.users(VERSIONS[0], 100), 50),
        "outlook": _milliseconds(lambda: bench.store.outlook(VERSIONS[0], 0), 20),
    }


def _milliseconds(call: Callable[[], object], times: int) -> str:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - began))
    return f"{statistics.median(taken):.1f} ({max(taken):.1f})"


def _sid(number: int) -> str:
    """22 characters, and neighbours in number are none in order: real names are random."""
    return f"{number * 2654435761 % 2**32:010}{number:012}"


def _batch(numbers: list[int] | range, oldest: int) -> Report:
    rows = (
        Seen(_sid(n), f"u{n // 2}", VERSIONS[n % 2], random.randint(0, oldest), EXPIRES, ISSUED)
        for n in numbers
    )
    return Report("web1:8080", 9999, seen=tuple(rows))


@contextmanager
def _sqlite() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path, clock = Path(folder) / "sessions.db", [BEGAN]
        store = SqliteStore(path, IDLE, clock=lambda: clock[0])
        db = sqlite3.connect(Path(folder) / "raw.db", isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -32768"):
            db.execute(f"PRAGMA {pragma}")

        def prepare(sids: list[str]) -> None:
            db.execute("CREATE TABLE t (sid TEXT PRIMARY KEY, name TEXT, at INTEGER) WITHOUT ROWID")
            db.execute("BEGIN")
            db.executemany("INSERT INTO t VALUES (?, ?, 0)", ((sid, "x" * 60) for sid in sorted(sids)))
            db.execute("COMMIT")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        def raw(sids: list[str], at: int) -> None:
            db.execute("BEGIN")
            db.executemany("UPDATE t SET at = ? WHERE sid = ?", ((at, sid) for sid in sorted(sids)))
            db.execute("COMMIT")

        def size() -> int:
            return sum(each.stat().st_size for each in Path(folder).glob("sessions.db*"))

        yield Bench(store, time.process_time, size, raw, prepare, clock)
        db.close()
        store.close()


@contextmanager
def _redis() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path, clock = Path(folder) / "s", [BEGAN]
        command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--dir", folder, "--save", ""]
        # As in compose/redis: each write is on the disk before it is answered.
        command += ["--appendonly", "yes", "--appendfsync", "always"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            next(line for line in server.stdout if "ready to accept" in line.lower())
            store = RedisStore(RedisAddress(f"unix://{path}"), IDLE, clock=lambda: clock[0])
            client: Any = Redis(unix_socket_path=str(path))

            def cpu() -> float:
                return processes.cpu(server.pid)

            def raw(sids: list[str], at: int) -> None:
                pipeline = client.pipeline(transaction=False)
                for sid in sids:
                    pipeline.zadd("raw", {sid: at})
                pipeline.execute()

            def prepare(sids: list[str]) -> None:
                for start in range(0, len(sids), BATCH):
                    raw(sids[start : start + BATCH], 0)

            yield Bench(store, cpu, lambda: int(client.info("memory")["used_memory"]), raw, prepare, clock)
            store.close()
            client.close()
            server.kill()


def main(words: list[str]) -> None:
    kinds = tuple(word for word in words if not word.isdigit()) or ("sqlite", "redis")
    sizes = tuple(int(word) for word in words if word.isdigit()) or SIZES
    print(report(measure(kinds, sizes)))


if __name__ == "__main__":
    main(sys.argv[1:])
