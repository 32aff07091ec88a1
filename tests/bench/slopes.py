"""What one more WebSocket and one more session cost the proxy in memory: slopes, for docs/scaling.md.

    python -m tests.bench.slopes [sockets] [sessions]

`sockets`: idle WebSockets of visitors through a whole stack with one worker, hundreds more with each step;
the private memory of that worker after each, and what the kernel has for all sockets of the machine.
`sessions`: lines of shared memory, as the proxy's own modules write them, by what the allocator takes.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.e2e.support.stacks import running
from tests.e2e.support.workbench import workbench

STEP, STEPS = 300, 10
AT_ONCE = 20  # handshakes that are open at a time
LINES = 20_000
UPGRADE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
# By dictionary: what notes session number n. The names are as long as real ones.
NOTES = {
    "seen": "seen.put(row(names.key(hex(n), 'user' .. n), 'user' .. n), 1800, 10)",
    "visitors": "seen.put(row(names.key(hex(n))), 1800, 10)",
    "verified": "verified.keep(verified.name(hex(n), 'terms'), identity(hex(n), 'user' .. n), now)",
    "clients": "clients.keep('c.' .. hex(n), '1.6.7', 7, now + 604800, now)",
    "pages": "pages.note(hex(n), '/account', '1.6.7')",
}
FILL = """
    local seen, names = require('bg.activity.memory'), require('bg.lib.names')
    local verified, clients = require('bg.tokens.verified'), require('bg.tokens.api_clients')
    local pages, now = require('bg.routing.page_versions'), ngx.time()
    local function hex(n) return ngx.md5('n' .. n):sub(1, 22) end
    local function row(key, user)
        return {key = key, version = '1.6.7', seen = now, exp = now + 604800, iat = now, user = user}
    end
    local function identity(sid, user)
        return {good_until = now + 604800, exp = now + 604800, issued = now, generation = 7,
            version = '1.6.7', sid = sid, pin_sid = sid, user = user}
    end
    pages.begin(true, 604800)
    seen.begin(now)
    local dict = ngx.shared.bg_%s
    local before = dict:free_space()
    for n = 1, %d do %s end
    return before - dict:free_space()
"""


def sessions() -> dict[str, float]:
    """Bytes of shared memory for each line, by dictionary."""
    with tempfile.TemporaryDirectory() as folder:
        big = {"seen": "32m", "visitors": "32m", "others": "32m"}
        with workbench(Path(folder), **big) as nginx:
            return {name: nginx.run(FILL % (name, LINES, note))[0] / LINES for name, note in NOTES.items()}


def sockets() -> dict[str, float]:
    """Bytes for each WebSocket: `worker`, and `kernel`, which is of both its connections."""
    with tempfile.TemporaryDirectory() as folder:
        more = {"connections": STEP * STEPS + 100}
        with running(Path(folder) / "project", workers=1, proxy_more=more) as stack:
            (worker,) = (each["pid"] for each in stack.proxy_status()["workers"])
            pid = _on_this_machine(stack.container("proxy").id or "", worker)
            took = asyncio.run(_open(stack.ports.proxy, lambda: (_private(pid), _kernel())))
    (worker_then, kernel_then), *_, (worker_now, kernel_now) = took
    opened = STEP * (len(took) - 1)
    return {
        "worker": (worker_now - worker_then) / opened,
        "kernel": (kernel_now - kernel_then) / opened,
    }


async def _open(port: int, look: Callable[[], tuple[int, int]]) -> list[tuple[int, int]]:
    """What `look` sees after each step; the first one warms up."""
    writers: list[asyncio.StreamWriter] = []
    await _more(port, writers)
    seen = [look()]
    for _ in range(STEPS - 1):
        await _more(port, writers)
        seen.append(look())
    for writer in writers:
        writer.close()
    return seen


async def _more(port: int, writers: list[asyncio.StreamWriter]) -> None:
    for _ in range(STEP // AT_ONCE):
        writers += await asyncio.gather(*[_socket(port) for _ in range(AT_ONCE)])


async def _socket(port: int) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(UPGRADE.encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    return writer


def _on_this_machine(container: str, inside: int) -> int:
    """The process that is `inside` in its container."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text, group = status.read_text(), status.with_name("cgroup").read_text()
        except OSError:
            continue
        found = re.search(r"(?m)^NSpid:.*\t(\d+)$", text)
        if container in group and found and int(found[1]) == inside:
            return int(status.parent.name)
    raise LookupError(f"no process {inside} of {container[:12]}")


def _private(pid: int) -> int:
    """Bytes that only this process has."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(found) << 10 for found in re.findall(r"(?m)^Private_\w+: +(\d+) kB", rollup))


def _kernel() -> int:
    """Bytes of all objects that the kernel has, sockets among them: of the whole machine."""
    found = re.search(r"(?m)^Slab: +(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found[1]) << 10 if found else 0


def main(wanted: list[str]) -> None:
    for name, measure in (("sockets", sockets), ("sessions", sessions)):
        if not wanted or name in wanted:
            for what, each in measure().items():
                print(f"{name}: {what} {each:,.0f} bytes each")


if __name__ == "__main__":
    main(sys.argv[1:])
