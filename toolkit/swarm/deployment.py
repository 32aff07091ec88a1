"""The `deploy` table of a service: on which nodes it is, how often, and how it is replaced."""

import re
from typing import Any

from toolkit.engine.container import PROJECT, SERVICE
from toolkit.swarm.layout import Layout

Document = dict[str, Any]

# Names of the services' tasks in a network, and no address of its own for each: that would need IPVS.
BY_NAME = "dnsrr"
AGAIN_AFTER = "1s"
DELAY = 5  # seconds for a task that begins to serve, before the next one is replaced
CONDITIONS = {"always": "any", "unless-stopped": "any", "on-failure": "on-failure", "no": "none"}
LIMITS = {"mem_limit": ("limits", "memory"), "cpus": ("limits", "cpus"), "pids_limit": ("limits", "pids")}
LIMITS["mem_reservation"] = ("reservations", "memory")


def of(service: Document, name: str, layout: Layout) -> Document:
    """For a service of ours one task on each of the project's nodes; for another one what it says itself."""
    told = {key: value for key, value in (service.get("deploy") or {}).items() if value}
    made: Document = {"endpoint_mode": told.get("endpoint_mode", BY_NAME)}
    if name in layout.ours or told.get("mode") == "global":
        made["mode"] = "global"
    else:
        made["replicas"] = int(told.get("replicas") or service.get("scale") or 1)
    made["restart_policy"] = told.get("restart_policy") or restart(service, name in layout.slots)
    notice = layout.notice if name == layout.proxy else 0
    made["update_config"] = told.get("update_config") or replaced(notice)
    made |= {key: told[key] for key in ("rollback_config",) if key in told}
    if constraints := _constraints(told, layout):
        made["placement"] = {**told.get("placement", {}), "constraints": constraints}
    elif "placement" in told:
        made["placement"] = told["placement"]
    if resources := _resources(service, told):
        made["resources"] = resources
    made["labels"] = {**_labels(told), PROJECT: layout.name, SERVICE: name}
    return made


def replaced(notice: int) -> Document:
    """One node after the other, and each begins with the end of the old container: both want the same ports.

    The next one follows when the last has had time to serve, and load balancers to notice it.
    """
    delay = f"{max(DELAY, notice)}s"
    return {"parallelism": 1, "delay": delay, "order": "stop-first", "failure_action": "pause"}


def restart(service: Document, slot: bool) -> Document:
    """A slot comes back from its start on: to change that later would replace its tasks."""
    policy = "always" if slot else str(service.get("restart") or "no")
    if policy == "False":
        policy = "no"  # a bare `no`
    name, _, tries = policy.partition(":")
    made: Document = {"condition": CONDITIONS.get(name, "any"), "delay": AGAIN_AFTER}
    return made | ({"max_attempts": int(tries)} if tries.isdigit() else {})


def once(made: Document) -> Document:
    """As `made`, for a service that has done its work when it has ended, on whichever node."""
    rest = {key: value for key, value in made.items() if key not in ("mode", "replicas", "update_config")}
    return {**rest, "replicas": 1, "restart_policy": {"condition": "none"}}


def _constraints(told: Document, layout: Layout) -> list[str]:
    own = [str(each) for each in (told.get("placement") or {}).get("constraints") or []]
    if not layout.label:
        return own
    name, value = layout.label.pair
    return [*own, f"node.labels.{name} == {value}"]


def _resources(service: Document, told: Document) -> Document:
    made: Document = {part: dict(each) for part, each in told.get("resources", {}).items() if each}
    for key, (part, name) in LIMITS.items():
        if service.get(key):
            value = service[key]
            made.setdefault(part, {})[name] = int(value) if name == "pids" else _amount(str(value))
    return made


def _amount(text: str) -> str:
    """Sizes without the last letter of "64mb", which stack files have, too; a bare number is in bytes."""
    return re.sub(r"(?i)([kmg])b$", r"\1", text)


def _labels(told: Document) -> Document:
    given = told.get("labels") or {}
    if isinstance(given, list):
        return dict(str(each).partition("=")[::2] for each in given)
    return dict(given)
