"""Whether a service that a compose file has once can become a pair: there have to be two of it at a time."""

from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

from toolkit.config import Service
from toolkit.engine import compose_forms
from toolkit.engine.compose_lines import names, place
from toolkit.errors import Refused

Document = dict[str, Any]
FIXED = ("ipv4_address", "ipv6_address", "mac_address")  # what a container has to itself in a network


def check(name: str, service: Document, settings: Service, paths: Sequence[Path]) -> None:
    """Raises Refused for a service of which there cannot be two, with the line and what to write."""
    edit = _edit(paths)
    if not settings.worker and not settings.port:
        where = f"bgctl.toml has no port in [services.{name}]"
        why = f"{place(paths, name)} has {name} once, and bgctl has to know where it listens in there"
        guess = next(iter(compose_forms.targets(service.get("ports") or [])), 8000)
        raise Refused(where, why, f"write port = {guess} there, or the port on which it listens")
    mode = str(service.get("network_mode") or "")
    if not settings.worker and (why := unreachable(mode)):
        where = f"{place(paths, name, 'network_mode')}: {name} has network_mode: {mode}"
        raise Refused(where, why, f"remove that; {edit}")
    if service.get("mac_address"):
        where = f"{place(paths, name, 'mac_address')}: {name} has a fixed mac_address"
        raise Refused(where, "blue and green cannot both have it", f"remove it; {edit}")
    for network, how in networks(service.get("networks")).items():
        if fixed := [key for key in FIXED if key in (how or {})]:
            where = f"{place(paths, name, 'networks')}: {name} has a fixed address in {network}"
            why = f"blue and green cannot both have the {fixed[0]}"
            raise Refused(where, why, f"remove it, and call {name} by its name; {edit}")


def unreachable(mode: str) -> str:
    """Why each of two containers cannot have its own port with this network_mode; "": it can."""
    if mode == "host":
        return "two versions of it would listen at one port of this host"
    if mode == "none" or mode.startswith(("service:", "container:")):
        return "such a container has no port of its own, and each slot needs one"
    return ""


def check_free(name: str, pair: Iterable[str], services: Container[str], paths: Sequence[Path]) -> None:
    """Raises Refused where a service of the user's own has the name of a slot of another one."""
    for each in pair:
        if each in services:
            where = f"{place(paths, each)}: {each} is a service of yours"
            why = f"a container of {name} would have the same name"
            raise Refused(where, why, f"give yours another name; {_edit(paths)}")


def networks(told: object) -> Document:
    """A service's networks, with what it says of each; one that names none has the default."""
    if isinstance(told, dict):
        return dict(told)
    return dict.fromkeys(told) if isinstance(told, list) and told else {"default": None}


def _edit(paths: Sequence[Path]) -> str:
    return f"edit {names(paths)}, then run the same command again"
