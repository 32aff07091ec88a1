"""wrk, and what it says: requests, and how long they took."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from math import ceil
from pathlib import Path

CONNECTIONS = 32
CLIENTS_CORE = 0  # of wrk and the backend; the proxies have core 1
PERCENTILE = r"^\s+%d%%\s+([\d.]+)([a-z]+)$"
LONGEST = r"^\s+Latency\s+\S+\s+\S+\s+([\d.]+)([a-z]+)\s"
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}
# Each request has the next line of the file in its header, in turn, from one that is drawn at the start.
SCRIPT = """\
local values = {}
for line in io.lines("%(values)s") do values[#values + 1] = line end
math.randomseed(os.time())
local at = math.random(#values)
local more = { %(more)s }
request = function()
    at = at + 1
    if at > #values then at = 1 end
    more["%(header)s"] = values[at]
    return wrk.format("GET", "/", more)
end
"""


@dataclass(frozen=True)
class Run:
    """What one run of wrk saw; times in milliseconds."""

    requests: int
    p50: float
    p99: float
    longest: float = 0.0


def script(path: Path, header: str, values: list[str], more: str = "") -> Path:
    """A script for wrk: requests with these values of a header, and `more` headers (a Lua table)."""
    lines = path.with_suffix(".txt")
    lines.write_text("\n".join(values) + "\n")
    text = SCRIPT % {"values": lines, "header": header, "more": more}
    path.write_text(text)
    return path


def run(url: str, script: Path, seconds: float, refused: bool = False) -> Run:
    """Asks as fast as it can. Raises when any request was not a success, unless they are to be refused."""
    command = ["taskset", "-c", str(CLIENTS_CORE), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{ceil(seconds)}s"]
    said = subprocess.run(
        [*command, "--latency", "-s", str(script), url], capture_output=True, text=True, check=True
    ).stdout
    served = re.search(r"(\d+) requests in", said)
    if served is None or "Socket errors" in said or ("Non-2xx" in said and not refused):
        raise RuntimeError(said)
    return Run(
        int(served[1]), _time(said, PERCENTILE % 50), _time(said, PERCENTILE % 99), _time(said, LONGEST)
    )


def _time(said: str, pattern: str) -> float:
    found = re.search(pattern, said, re.MULTILINE)
    if found is None:
        raise RuntimeError(said)
    return float(found[1]) * UNITS[found[2]]
