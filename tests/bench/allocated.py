"""Bytes that our Lua allocates for a request, in each of the functions that nginx calls for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

from tests.bench import h2load, load, twin
from tests.bench.clients import Clients
from tests.bench.rig import Rig, Subject

WARM, COUNTED = 2000, 10_000  # requests
NEW = 40_000  # tokens, more than are asked with in NEW_SECONDS
NEW_SECONDS = 1.0
INIT = 'init_worker_by_lua_block { require("bg.startup").init_worker()'
BEGIN = f'{INIT} dofile("/etc/bgctl/allocated.lua").begin()'
HEALTHZ = "location = /healthz { content_by_lua_block"
SHOW = "location = /allocated { content_by_lua_block { package.loaded.allocated.show() } }\n"
FUNCTIONS = ("slot", "log")


def measure(rig: Rig, clients: Clients, found: dict[str, Any]) -> Iterator[str]:
    """Fills `found`, by case: bytes a request in each function."""
    subject = twin.ours(rig, "allocated", image=rig.proxy_image, change=_watched)
    for case in ("bearer", "hs256", "cookie"):
        yield f"allocated, {case}"
        headers = clients.headers(case)
        h2load.ask(subject.url, headers, WARM)
        found[case] = _of(rig, lambda headers=headers: _again(subject, headers))  # type: ignore[misc]
    for case, tokens in (("cold_hs256", clients.cold("HS256", NEW)), ("refused", clients.refused(NEW))):
        yield f"allocated, {case}"
        found[case] = _of(rig, lambda tokens=tokens: _new(subject, tokens))  # type: ignore[misc]
    rig.remove(subject.container)


def _watched(conf: str) -> str:
    assert INIT in conf and HEALTHZ in conf
    return conf.replace(INIT, BEGIN).replace(HEALTHZ, SHOW + HEALTHZ)


def _of(rig: Rig, ask: Callable[[], int]) -> dict[str, int]:
    before, count, after = _so_far(rig), ask(), _so_far(rig)
    return {name: round((after[name] - before[name]) / count) for name in FUNCTIONS}


def _again(subject: Subject, headers: list[str]) -> int:
    h2load.ask(subject.url, headers, COUNTED)
    return COUNTED


def _new(subject: Subject, tokens: Path) -> int:
    return load.run(subject.url, tokens, NEW_SECONDS).requests


def _so_far(rig: Rig) -> dict[str, float]:
    """Bytes."""
    said = requests.get(f"http://127.0.0.1:{rig.ports['twin_control']}/allocated", timeout=5).text
    return dict(zip(FUNCTIONS, (1024 * float(each) for each in said.split()), strict=True))
