"""The one container that a name means, for a command that runs in it."""

from difflib import get_close_matches

from toolkit.config import SLOTS
from toolkit.engine.container import Container
from toolkit.errors import Refused
from toolkit.project import Project

NUMBER = "com.docker.compose.container-number"  # the label of one of several containers of a service


def container(project: Project, name: str | None, index: int = 1) -> Container:
    """`name` is a slot, a service or a service of a slot; None: the slot that new sessions get.

    `index` is the number of a replica, from 1. Raises Refused, with the names that there are.
    """
    there = [each for each in project.engine.all() if each.service and not each.one_off]
    service = _service(project, name, there, index)
    found = [each for each in there if each.service == service]
    numbered = [each for each in found if (each.config.labels or {}).get(NUMBER, "1") == str(index)]
    of_slot = service in project.config.placed
    chosen = found[-1] if found and of_slot else next(iter(numbered[-1:]), None)
    if chosen is None:
        raise _absent(project, service, [] if of_slot else found, index)
    if not chosen.state.running:
        raise Refused(f"{service} does not run", _ended(chosen), f"bgctl logs {service}, or: bgctl up")
    return chosen


def _service(project: Project, name: str | None, there: list[Container], index: int) -> str:
    """The compose service that is meant."""
    config = project.config
    slot = serving(project) if name is None or name in config.slotted else name
    if slot in SLOTS:
        first = name if name in config.slotted else next(iter(config.reached), None)
        first = first or next(iter(config.slotted), None)
        if first is None:
            raise Refused("bgctl.toml has no service with slots", "there is no container", "bgctl doctor")
        return _replica(project, str(first), slot, index)
    for each in config.slotted:
        for colour in SLOTS:
            if name == f"{each}-{colour}":
                return _replica(project, each, colour, index)
    known = list(dict.fromkeys([*config.compose_services, *[each.service for each in there]]))
    if name in known:
        return name
    names = [*SLOTS, *config.slotted, *known]
    near = get_close_matches(str(name), names, n=1)
    next_ = f"bgctl exec {near[0]} -- CMD" if near else "bgctl exec -- CMD"
    raise Refused(f"no slot or service is called {name}", f"there are {', '.join(names)}", next_)


def serving(project: Project) -> str:
    """The slot that most new sessions get; blue before there is a state."""
    now = project.state_if_readable()
    return max(SLOTS, key=lambda slot: now.slots[slot].weight) if now else "blue"


def _replica(project: Project, name: str, slot: str, index: int) -> str:
    members = [member.compose for member in project.config.pair(name) if member.slot == slot]
    if index > len(members):
        why = f"bgctl.toml has {len(members)} of it (replicas)"
        raise Refused(f"{name}-{slot} has no number {index}", why, f"bgctl exec {name}-{slot} -- CMD")
    return members[index - 1]


def _absent(project: Project, service: str, others: list[Container], index: int) -> Refused:
    if others:
        why = f"there {'is' if len(others) == 1 else 'are'} {len(others)} of it"
        return Refused(f"{service} has no number {index}", why, f"bgctl exec {service} -- CMD")
    placed, now = project.config.placed.get(service), project.state_if_readable()
    if placed and now and now.slots[placed.slot].version is None:
        other = "blue" if placed.slot == "green" else "green"
        why = f"{placed.slot} has no version: no release is under way"
        return Refused(f"{service} does not run", why, f"bgctl exec {other} -- CMD")
    return Refused(f"{service} does not run", "it has no container", "bgctl up")


def _ended(found: Container) -> str:
    return f"its container is {found.state.status}, exit code {found.state.exit_code}"
