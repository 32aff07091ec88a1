"""How many log-ins a second the session API answers, on one core, beside what it cannot do without.

    python -m tests.bench.log_ins [sqlite|redis ...]

The API runs as in its image, on core 0; start this program, which holds 32 connections, on another one. A
log-in counts when its answer has come, so when it is on the disk. Beside it: signing alone, and bare SQLite
with one row, or one row of each connection, in a commit.
"""

import os
import re
import resource
import selectors
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from session_api.keys import keyring, signing_keys
from session_api.tokens.claims import Rules
from session_api.tokens.tokens import Tokens
from tests.bench import processes
from tests.unit.session_api.support.data import ROOT, write_release

CONNECTIONS, ROUNDS, SECONDS = 32, 5, 2.0
SHOWN = "log-ins: {kind}, {connections} connections: {rate} a second (of {rounds}), {cpu} µs of CPU each"


def measure(kinds: tuple[str, ...] = ("sqlite", "redis")) -> dict[str, Any]:
    """Log-ins a second of each kind of store, round by round, and the raw costs."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        keys, now = folder / "keys", int(time.time())
        signing_keys.create(keys, "EdDSA", now=now - 3600)
        write_release(folder / "state.json")
        return {
            "connections": CONNECTIONS,
            "signing_a_second": _signing(keys),
            "sqlite_commits_a_second": _raw(folder, 1),
            "sqlite_rows_a_second_32_in_a_commit": _raw(folder, CONNECTIONS),
        } | {kind: _of(kind, folder) for kind in kinds}


def report(measured: dict[str, Any]) -> str:
    lines = [
        f"signing alone: {measured['signing_a_second']} a second; bare SQLite, a row in a commit: "
        f"{measured['sqlite_commits_a_second']}, 32 rows: {measured['sqlite_rows_a_second_32_in_a_commit']}"
    ]
    for kind in ("sqlite", "redis"):
        if kind in measured:
            lines.append(SHOWN.format(kind=kind, connections=CONNECTIONS, **measured[kind]))
    return "\n".join(lines)


def _of(kind: str, folder: Path) -> dict[str, Any]:
    with _address(kind, folder) as address, _server(folder, address) as (port, pid):
        request = _request(folder / "keys")
        _load(port, request, 0.5)
        rates, costs = [], []
        for _ in range(ROUNDS):
            before = processes.cpu(pid)
            answered, seconds = _load(port, request, SECONDS)
            rates.append(round(answered / seconds))
            costs.append(round(1e6 * (processes.cpu(pid) - before) / answered))
    return {"rate": round(statistics.median(rates)), "rounds": rates, "cpu": round(statistics.median(costs))}


@contextmanager
def _address(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/sessions.db"
        return
    path, data = folder / "s", folder / "redis"
    data.mkdir()
    options = ["--port", "0", "--unixsocket", str(path), "--dir", str(data), "--save", ""]
    # As in compose/redis: each write is on the disk before it is answered.
    durable = ["--appendonly", "yes", "--appendfsync", "always"]
    with subprocess.Popen(["redis-server", *options, *durable], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        next(line for line in server.stdout if "ready to accept" in line.lower())
        yield f"unix://{path}"
        server.kill()


@contextmanager
def _server(folder: Path, address: str) -> Iterator[tuple[int, int]]:
    """The port of a session API that is set up as in its image, and the process of its worker."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "BGCTL_ISSUER": "bgctl",
        "BGCTL_KEYS": str(folder / "keys"),
        "BGCTL_STATE": str(folder / "state.json"),
        "BGCTL_STORE": address,
    }
    config = ROOT / "compose" / "session-api" / "gunicorn.conf.py"
    command = [sys.executable, "-m", "gunicorn", "-c", str(config), "-b", f"127.0.0.1:{port}"]
    with subprocess.Popen(
        ["taskset", "-c", "0", *command, "session_api.app:get_app()"],
        env=environment,
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    ) as server:
        while True:
            assert server.poll() is None, "the session API did not start"
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        while not processes.children(server.pid):
            time.sleep(0.05)
        try:
            yield port, int(processes.children(server.pid)[0])
        finally:
            server.terminate()


def _request(keys: Path) -> bytes:
    key = (keys / "service" / "service.key").read_text().strip()
    body = b'{"userId":"user-1","email":"user@mail.example"}'
    lines = (
        "POST /token HTTP/1.1",
        "Host: a",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def _load(port: int, request: bytes, seconds: float) -> tuple[int, float]:
    """Each connection asks again when it has its answer. How many came, and in how many seconds."""
    selector, answered = selectors.DefaultSelector(), 0
    lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    by_number, got = {line.fileno(): line for line in lines}, dict.fromkeys(lines, b"")
    began = time.perf_counter()
    for line in lines:
        selector.register(line, selectors.EVENT_READ)
        line.sendall(request)
    while (passed := time.perf_counter() - began) < seconds:
        for key, _ in selector.select(1):
            line = by_number[key.fd]
            got[line] += line.recv(65536)
            if _is_whole(got[line]):
                answered, got[line] = answered + 1, b""
                line.sendall(request)
    for line in lines:
        line.close()
    return answered, passed


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", head)
    assert answer.startswith(b"HTTP/1.1 201"[: len(answer)]), answer
    return length is not None and len(body) == int(length[1])


def _signing(keys: Path) -> int:
    tokens = Tokens(keyring.Keyring(keys), time.time, Rules(issuer="bgctl", leeway=60, longest=604800))
    claims = {"userId": "user-1", "sub": "user-1", "deploymentVersion": "1.6.7", "sid": "x" * 22}
    began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    for number in range(5000):
        tokens.sign(claims | {"iat": number, "exp": number + 604800})
    return round(5000 / (resource.getrusage(resource.RUSAGE_SELF).ru_utime - began))


def _raw(folder: Path, rows: int) -> int:
    """Rows a second that bare SQLite takes, so many in a commit, each commit on the disk."""
    path = folder / f"raw-{rows}.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE t (sid TEXT PRIMARY KEY, user_id TEXT, at INTEGER) WITHOUT ROWID")
    began, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < SECONDS:
        db.execute("BEGIN")
        db.executemany("INSERT INTO t VALUES (?, 'u', 0)", ((f"{done + n:022}",) for n in range(rows)))
        db.execute("COMMIT")
        done += rows
    db.close()
    return round(done / passed)


if __name__ == "__main__":
    print(report(measure(tuple(sys.argv[1:]) or ("sqlite", "redis"))))
