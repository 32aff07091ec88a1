"""Instructions of a request, which do not depend on the machine's mood: of ours and of plain, by callgrind.

Only what a process does itself is counted, not what the kernel does for it. LuaJIT compiles the same code
in other pieces each time, so there are several instances.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from typing import Any

from testbed.images.standins import CALLGRIND
from tests.bench import callgrind, h2load, twin
from tests.bench.callgrind import Profile
from tests.bench.clients import Clients
from tests.bench.rig import Rig, Subject

INSTANCES = 3
WARM, COUNTED = 1500, 1000  # requests
OUT = "/tmp/callgrind"
TOOL = ("--tool=callgrind", "--smc-check=all-non-file", f"--callgrind-out-file={OUT}")
COMMAND = (*TOOL, "nginx", *twin.NGINX, twin.ALONE)
# What vgdb needs, which tells callgrind to write down what it has counted.
OPTIONS = ("--entrypoint=valgrind", "--cap-add=SYS_PTRACE", "--security-opt=seccomp=unconfined")
CASES = ("bearer", "cookie", "pin", "session")
TIMERS = (
    "ngx_event_expire_timers"  # as many in a second whatever is asked: callgrind's slowness makes them many
)
# Where a request's instructions go, callees included: these contain one another.
PARTS = {
    "ngx_http_core_run_phases": "all phases, until the request is on its way",
    "ngx_http_core_rewrite_phase": "the rewrite phase, in which we route",
    "ngx_http_lua_filter_set_by_lua_inline": "routing, in Lua",
    "ngx_http_upstream_init": "the request for the app",
    "ngx_http_get_indexed_variable": "variables and maps, wherever they are asked for",
    "ngx_http_send_header": "the answer's headers",
    "ngx_http_lua_log_handler": "the log phase, in Lua",
}


def measure(rig: Rig, clients: Clients, found: dict[str, Any]) -> Iterator[str]:
    """Fills `found`: by case and proxy, `total` of each instance, and of them all `libraries` and `parts`."""
    for number in range(1, INSTANCES + 1):
        for name in ("plain", "ours"):
            yield f"instructions of {name}: instance {number} of {INSTANCES}"
            for case, profile in _instance(rig, clients, f"{name}-{number}").items():
                _add(found.setdefault(case, {}).setdefault(name, {}), profile)


def ratios(found: dict[str, Any]) -> dict[str, float]:
    """Ours to plain, of medians."""
    total = {
        (case, name): statistics.median(of["total"])
        for case, names in found.items()
        for name, of in names.items()
    }
    return {f"instructions_{case}": total[case, "ours"] / total[case, "plain"] for case in found}


def _instance(rig: Rig, clients: Clients, name: str) -> dict[str, Profile]:
    start = twin.ours if name.startswith("ours") else twin.plain
    subject = start(rig, f"callgrind-{name}", *OPTIONS, image=CALLGRIND, command=COMMAND)
    profiles, dumps = {}, 0
    for case in CASES:
        headers = clients.headers(case)
        h2load.ask(subject.url, headers, WARM)
        _dump(rig, subject)
        h2load.ask(subject.url, headers, COUNTED)
        _dump(rig, subject)
        dumps += 2
        profiles[case] = callgrind.read(
            rig.project.engine_says("exec", subject.container, "cat", f"{OUT}.{dumps}")
        )
    rig.remove(subject.container)
    return profiles


def _dump(rig: Rig, subject: Subject) -> None:
    rig.project.engine_says("exec", subject.container, "vgdb", "-c", "dump")


def _add(found: dict[str, Any], profile: Profile) -> None:
    """Per request; `libraries` and `parts` are those of the last instance."""
    total = profile.own.total() - profile.whole[TIMERS]
    found.setdefault("total", []).append(round(total / COUNTED))
    found["libraries"] = _each(profile.own)
    found["parts"] = _each(Counter({name: profile.whole[name] for name in (*PARTS, TIMERS)}))


def _each(counts: Counter[str]) -> dict[str, int]:
    """Per request, and without what is next to nothing."""
    return {name: round(count / COUNTED) for name, count in counts.most_common() if count > 10 * COUNTED}
