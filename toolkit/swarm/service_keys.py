"""The keys of a compose service on a swarm: what is kept, what says nothing there, and what is refused."""

from collections.abc import Iterator
from typing import Any

from toolkit.errors import Refused
from toolkit.swarm.layout import Layout

Document = dict[str, Any]

# What a stack file has as plain compose has it.
KEPT = {
    *("cap_add", "cap_drop", "command", "dns", "dns_search", "entrypoint", "environment", "extra_hosts"),
    *("healthcheck", "hostname", "image", "init", "labels", "logging", "read_only", "stdin_open"),
    *("stop_signal", "sysctls", "tty", "ulimits", "user", "working_dir"),
}
# What other modules of this room translate: deployment, mounts, networks, stack_file.
TRANSLATED = {
    *("configs", "container_name", "cpus", "deploy", "links", "mem_limit", "mem_reservation"),
    *("network_mode", "networks", "pids_limit", "ports", "restart", "scale", "secrets", "security_opt"),
    *("shm_size", "stop_grace_period", "tmpfs", "volumes"),
}
# What is for the compose command alone. The order of starts is bgctl's (toolkit/release/needs.py).
SAYS_NOTHING = {
    *("annotations", "attach", "build", "depends_on", "develop", "expose", "platform", "profiles"),
    "pull_policy",
}
HARDENING = ("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true")
LABELS = ("label:", "label=")  # SELinux's: of paths of the host, which are not mounted here

IGNORED = "docker stack deploy would ignore it, and the service would be another one"
OUTSIDE = "or run this service by plain compose, outside the swarm"
MENDS = {
    "devices": f"use a volume or a network service in its place, {OUTSIDE}",
    "privileged": f"name what it needs below cap_add, {OUTSIDE}",
    "volumes_from": "name a volume, and mount it in both services",
    "external_links": "put both services into one network, and use their names",
    "network_mode": "remove it, or write network_mode: host",
    "env_file": "write its variables below environment",
    "extends": "write what it extends into the service itself",
}


def check(service: Document, name: str, layout: Layout) -> Iterator[Refused]:
    """What would make another service of it: each with its line, and a way out."""
    for key, value in service.items():
        known = key in KEPT | TRANSLATED | SAYS_NOTHING or key.startswith("x-")
        if value and not known:
            yield layout.refused(name, key, IGNORED, MENDS.get(key, f"remove it, {OUTSIDE}"))
    mode = str(service.get("network_mode") or "host")
    if mode not in ("host", "bridge", "default"):
        why = f"{mode!r} has no meaning on a swarm"
        yield layout.refused(name, "network_mode", why, MENDS["network_mode"])
    yield from _security(service, name, layout)
    yield from _links(service, name, layout)


def kept(service: Document) -> Document:
    """What goes into the stack file as it is."""
    made = {key: value for key, value in service.items() if key in KEPT and value is not None}
    if isinstance(hosts := made.get("extra_hosts"), list):
        made["extra_hosts"] = [str(each).replace("=", ":", 1) for each in hosts]
    for key in ("environment", "labels"):
        if isinstance(made.get(key), dict):
            made[key] = {name: _text(value) for name, value in made[key].items()}
    if isinstance(check := made.get("healthcheck"), dict):
        made["healthcheck"] = {key: each for key, each in check.items() if key != "start_interval"}
    return made


def _security(service: Document, name: str, layout: Layout) -> Iterator[Refused]:
    """Swarm has no no-new-privileges in a stack file; its users and capabilities hold all the same."""
    for each in service.get("security_opt") or []:
        if each not in HARDENING and not str(each).startswith(LABELS):
            yield layout.refused(name, "security_opt", f"a swarm knows no {each}", f"remove it, {OUTSIDE}")


def _links(service: Document, name: str, layout: Layout) -> Iterator[Refused]:
    """A link is the name of a service in a network, which a swarm has too; not another name for it."""
    for link in service.get("links") or []:
        other, _, alias = str(link).partition(":")
        if alias and alias != other:
            mend = f"write aliases: [{alias}] below networks: of {other}"
            yield layout.refused(name, "links", f"{alias} is no name of {other} on a swarm", mend)


def _text(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
