"""The tables of docs/performance.md, from build/bench.json: `python -m tests.bench.markdown`."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from testbed.project import ROOT
from tests.bench import cli, under_switch
from tests.bench.instructions import CASES, PARTS, TIMERS
from tests.bench.report import quartiles
from tests.bench.rows import FAIR

RESULTS = ROOT / "build" / "bench.json"
Document = dict[str, Any]
Rows = Iterator[Sequence[str]]

# The row, what it is, and the plain row of the same requests.
WARM = (
    ("bearer", "a token as bearer, EdDSA", "plain_bearer"),
    ("bearer_hs256", "a token as bearer, HS256", "plain_bearer"),
    ("haproxy_hs256", "— the same at HAProxy", "plain_bearer"),
    ("njs_hs256", "— the same at nginx with njs", "plain_bearer"),
    ("cookie", "a token as cookie, and its pin", "plain_cookie"),
    ("caddy_cookie", "— the same at Caddy, which verifies nothing", "plain_cookie"),
    ("browser", "the same with all that a browser sends", "plain_browser"),
    ("pin", "a visitor's pin alone", "plain_pin"),
    ("session", "the app's own cookie, and its pin", "plain_session"),
    ("anonymous", "nobody: no token, no cookie", "plain_anonymous"),
)
COLD = (
    ("cold_hs256", "HS256", FAIR),
    ("haproxy_cold_hs256", "— the same at HAProxy", FAIR),
    ("cold_es256", "ES256", FAIR),
    ("cold_eddsa", "EdDSA", FAIR),
    ("refused", "refused: a signature that is another token's", FAIR),
)
TLS = tuple(
    (f"{who}_tls_{version}", f"{name}, {words}", f"plain_tls_{version}")
    for version, name in (("h1", "HTTP/1.1"), ("h2", "HTTP/2"))
    for who, words in (("bearer", "a token as bearer, HS256"), ("haproxy", "the same at HAProxy"))
)
SOCKETS = (
    ("ours_messages", "a message by WebSocket, there and back", "plain_messages"),
    ("haproxy_messages", "— the same at HAProxy", "plain_messages"),
)
SWITCH = {
    "quiet": "quiet",
    "generation": "another generation, the same routes",
    "routes": "new sessions go elsewhere",
}
INSTRUCTIONS = {
    "bearer": "bearer",
    "cookie": "cookie and pin",
    "pin": "pin alone",
    "session": "the app's cookie and pin",
}
ALLOCATED = {
    "bearer": "a token as bearer, EdDSA, seen before",
    "hs256": "a token as bearer, HS256, seen before",
    "cookie": "a token as cookie, and its pin, seen before",
    "cold_hs256": "a token that nobody has seen, HS256",
    "refused": "a token that is refused",
}


def main() -> int:
    found = json.loads(Path(RESULTS).read_text())
    print("\n".join(text(found)))
    return 0


def text(found: Document) -> Iterator[str]:
    """Each table under its heading; those of parts that were not measured are not there."""
    for part, at in found["measured"].items():
        yield f"{part}: measured {at}"
    for heading, head, rows_of in TABLES:
        if rows := list(rows_of(found)):
            yield from ("", f"## {heading}", "", _line(head), _line(["---"] * len(head)), *map(_line, rows))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _compared(of: Sequence[tuple[str, str, str]]) -> Callable[[Document], Rows]:
    def rows(found: Document) -> Rows:
        for name, words, plain in of:
            if name not in found["ratios"]:
                continue
            yield (
                words,
                _short(found["microseconds"][plain]),
                _short(found["microseconds"][name]),
                f"{found['ratios'][name]:.2f}",
                "{:.2f}-{:.2f}".format(*found["spread"][name]),
                f"{_median(found['raw']['p99'][name])} · {_median(found['raw']['p99'][plain])}",
            )

    return rows


def _many(found: Document) -> Rows:
    for size, words in (("10k", "10,000"), ("200k", "200,000")):
        if f"bearer_{size}" not in found["ratios"]:
            continue
        names = (f"bearer_{size}", f"plain_{size}", f"haproxy_hs256_{size}")
        ours, plain = (_short(found["microseconds"][name]) for name in names[:2])
        ratios = (f"{found['ratios'][name]:.2f}" for name in (names[0], names[2]))
        yield words, plain, ours, *ratios, " · ".join(_median(found["raw"]["p99"][name]) for name in names)


def _silent(found: Document) -> Rows:
    for name, of in found.get("silent_sockets", {}).items():
        yield name, f"{of['bytes']:,}", f"{of['ms_a_second']}", f"{of['ms_a_second_without']}"


def _switch(found: Document) -> Rows:
    of = found.get("under_switch_ms", {})
    for kind, words in SWITCH.items() if of else ():
        p99, pairs = of[kind]["p99"], under_switch.of_pairs(of, kind)
        spread = "{:.2f}-{:.2f}".format(*quartiles(pairs))
        yield (
            f"{words} ({len(p99)} seconds)",
            f"{_median(of[kind]['p50'])} · {_median(p99)}",
            f"{max(of[kind]['longest']):.0f}",
            *(("", "") if kind == "quiet" else (f"{statistics.median(pairs):.2f}", spread)),
        )


def _instructions(found: Document) -> Rows:
    of = found.get("instructions")
    if not of:
        return
    each = [of[case][name] for case in CASES for name in ("plain", "ours")]
    yield "**all**", *(f"**{_thousands(statistics.median(one['total']))}**" for one in each)
    for library in each[-1]["libraries"]:
        yield library, *(_thousands(one["libraries"].get(library, 0)) for one in each)
    timers = {TIMERS: "timers: no request's, and not in all"}
    for part, words in {**PARTS, **timers}.items():
        yield f"*{words}*", *(_thousands(one["parts"].get(part, 0)) for one in each)


def _allocated(found: Document) -> Rows:
    for case, of in found.get("allocated_bytes", {}).items():
        yield ALLOCATED[case], f"{of['slot']:,}", f"{of['log']:,}"


def _stores(found: Document) -> Rows:
    for kind, sizes in found.get("stores", {}).items():
        for sessions, of in sizes.items():
            raw = f"{of['raw']:,} ({of['raw_cpu']} µs)"
            yield f"{kind}, {int(sessions):,} sessions", f"{of['rows']:,} ({of['cpu']} µs)", raw


def _log_ins(found: Document) -> Rows:
    of = found.get("log_ins")
    if not of:
        return
    yield "signing alone", f"{of['signing_a_second']:,}", ""
    yield "bare SQLite, a commit each", f"{of['sqlite_commits_a_second']:,}", ""
    yield "bare SQLite, 32 rows in a commit", f"{of['sqlite_rows_a_second_32_in_a_commit']:,}", ""
    for kind in ("sqlite", "redis"):
        rounds = of[kind]["rounds"]
        yield f"log-ins, {kind}", f"{of[kind]['rate']:,}", f"{min(rounds):,}-{max(rounds):,}"


def _cli(found: Document) -> Rows:
    of = found.get("cli_ms", {})
    for name in filter(of.__contains__, cli.WORDS):
        yield (
            cli.WORDS[name],
            f"{statistics.median(of[name]):.0f}",
            f"{min(of[name]):.0f}-{max(of[name]):.0f}",
        )


def _short(number: float) -> str:
    return f"{number:.1f}" if number < 100 else f"{number:.0f}"


def _thousands(number: float) -> str:
    return f"{number / 1000:.1f}" if number else "-"


def _median(times: list[float]) -> str:
    return f"{statistics.median(times):.1f}"


REQUESTS = ("request", "plain µs", "µs", "times plain", "spread", "p99 of it, of plain, ms")
TABLES: tuple[tuple[str, Sequence[str], Callable[[Document], Rows]], ...] = (
    ("Warm", REQUESTS, _compared(WARM)),
    (
        "Many sessions",
        (
            "sessions",
            "plain µs",
            "ours µs",
            "times plain",
            "HAProxy",
            "p99 of ours, of plain, of HAProxy, ms",
        ),
        _many,
    ),
    ("Cold", REQUESTS, _compared(COLD)),
    ("TLS", REQUESTS, _compared(TLS)),
    ("WebSockets: messages", REQUESTS, _compared(SOCKETS)),
    ("WebSockets: 1,000 silent ones", ("proxy", "bytes each", "ms of CPU a second", "without them"), _silent),
    ("A switch under load", ("seconds", "p50 · p99, ms", "longest", "times quiet", "spread"), _switch),
    (
        "Instructions",
        (
            "thousands a request",
            *(words for case in CASES for words in (f"{INSTRUCTIONS[case]}: plain", "ours")),
        ),
        _instructions,
    ),
    ("Bytes allocated", ("request", "routing", "log phase"), _allocated),
    ("Rows of activity", ("store", "rows a second (CPU each)", "bare (CPU each)"), _stores),
    ("Log-ins", ("", "a second", "spread"), _log_ins),
    ("Commands", ("command", "ms of CPU", "spread"), _cli),
)

if __name__ == "__main__":
    sys.exit(main())
