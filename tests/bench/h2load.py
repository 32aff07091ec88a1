"""h2load, over TLS or without, by HTTP/1.1 or HTTP/2: every request of a run bears the same token."""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
from contextlib import suppress
from math import ceil
from pathlib import Path

from tests.bench.load import CLIENTS_CORE, CONNECTIONS, Run

CIPHER = "TLS_AES_128_GCM_SHA256"
WITHIN, TRIES = 60.0, 3  # seconds for one run
VERSIONS = {"h1": "http/1.1", "h2": "h2"}


def run(url: str, version: str, headers: list[str], seconds: float) -> Run:
    """Asks as fast as it can, one request at a time on each connection. Raises when any was not a success.

    Once in a while h2load does not end when its time is over: that run is made again.
    """
    for _ in range(TRIES - 1):
        with suppress(subprocess.TimeoutExpired):
            return _run(url, version, headers, seconds)
    return _run(url, version, headers, seconds)


def _run(url: str, version: str, headers: list[str], seconds: float) -> Run:
    with tempfile.NamedTemporaryFile(prefix="h2load-") as log:
        said = _ask(url, version, headers, f"-c{CONNECTIONS}", f"-D{ceil(seconds)}", f"--log-file={log.name}")
        lines = Path(log.name).read_text().split("\n")
    times = [int(took) / 1000 for line in lines if line for took in [line.split("\t")[2]]]
    cuts = statistics.quantiles(times, n=100)
    if _succeeded(said) < len(times) - CONNECTIONS:
        raise RuntimeError(said)
    return Run(len(times), cuts[49], cuts[98])


def ask(url: str, headers: list[str], count: int) -> None:
    """Asks so many times, on one connection without TLS. Raises when any was not a success."""
    said = _ask(url, "h1", headers, "-c1", f"-n{count}")
    if _succeeded(said) != count:
        raise RuntimeError(said)


def _ask(url: str, version: str, headers: list[str], *options: str) -> str:
    command = ["taskset", "-c", str(CLIENTS_CORE), "h2load", *options, f"--npn-list={VERSIONS[version]}"]
    command += [f"--tls13-ciphers={CIPHER}", "--no-tls-proto=http/1.1"]
    command += [word for header in headers for word in ("-H", header)]
    return subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=WITHIN).stdout


def _succeeded(said: str) -> int:
    """How many requests were answered with 2xx."""
    found = re.search(r"status codes: (\d+) 2xx", said)
    if found is None:
        raise RuntimeError(said)
    return int(found[1])
