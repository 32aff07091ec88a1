"""Networks and ports on a swarm: what reaches from node to node, and what each node opens."""

from collections.abc import Iterable
from typing import Any

from toolkit.engine import compose_forms
from toolkit.swarm.layout import Layout

Document = dict[str, Any]

HOST = "bgctl-host"  # in a stack file: the node's own network, which an engine calls "host"
DEFAULT = "default"
OVERLAY = ("", "bridge", "default", "overlay")  # drivers of networks that become one for all nodes


def of_service(service: Document, name: str, layout: Layout) -> Document:
    """The networks of a service, each with the further names that it has there.

    `container_name` is such a name. A swarm has no containers with names of their own.
    """
    if service.get("network_mode") == "host":
        return {HOST: {}}
    told = service.get("networks") or {DEFAULT: None}
    if isinstance(told, list):
        told = dict.fromkeys(told)
    own = [str(service["container_name"])] if service.get("container_name") else []
    made = {}
    for network, how in told.items():
        if fixed := [key for key in ("ipv4_address", "ipv6_address") if (how or {}).get(key)]:
            why = "a service has another address on each node"
            raise layout.refused(name, f"networks: {network}: {fixed[0]}", why, "remove it, and use its name")
        aliases = [*((how or {}).get("aliases") or []), *own]
        made[network] = {"aliases": list(dict.fromkeys(aliases))} if aliases else {}
    return made


def declared(document: Document, used: Iterable[str], layout: Layout) -> Document:
    """The networks at the top of a stack file: over all nodes, and open to a container that asks for them."""
    told = document.get("networks") or {}
    return {name: _declared(name, told.get(name) or {}, layout) for name in dict.fromkeys(used)}


def _declared(name: str, told: Document, layout: Layout) -> Document:
    if name == HOST:
        return {"external": True, "name": "host"}
    if external := told.get("external"):
        named = external.get("name") if isinstance(external, dict) else told.get("name")
        return {"external": True, "name": named or name}
    if (driver := str(told.get("driver") or "")) not in OVERLAY:
        why = f"its driver {driver} knows one host only"
        raise layout.refused(name, "networks", why, "remove driver:, and the swarm makes an overlay network")
    made: Document = {"driver": "overlay", "attachable": True}
    if told.get("internal"):
        made["internal"] = True
    if told.get("name") and told["name"] != f"{layout.name}_{name}":
        made["name"] = told["name"]
    return made


def ports(given: Iterable[object]) -> list[Document]:
    """Each published port, opened by the node that has the task: at all its addresses, for a swarm knows no
    other way."""
    made = []
    for entry in given:
        if isinstance(entry, dict):
            protocol = str(entry.get("protocol") or "tcp")
            plain: object = {**entry, "protocol": "tcp"}
        else:
            text, _, said = str(entry).partition("/")
            protocol, plain = said or "tcp", text
        for each in compose_forms.bindings(plain):
            opened = {"published": each.published} if each.published else {}
            made.append({"target": each.target, **opened, "protocol": protocol, "mode": "host"})
    return made
