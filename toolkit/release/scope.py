"""Which services a release changes, and whether it may leave the others as they are.

An unchanged service keeps its containers, which are blue's, and both versions have it (decision record 91).
"""

from collections.abc import Iterable, Iterator, Sequence

from toolkit import slots
from toolkit.engine import derivation
from toolkit.engine.compose import Compose
from toolkit.engine.images import plain_id
from toolkit.errors import BgctlError, Refused, together
from toolkit.project import Project
from toolkit.slots.proven import short
from toolkit.state.document import Deployment


def begin(project: Project, named: Sequence[str], command: str, version: str) -> None:
    """Has the release change the services that are `named`; none: all, or those with which it has begun.

    Raises Refused where it has begun with others, or where it cannot leave the rest unchanged. `command` is
    the one that was typed, such as "bgctl deploy 1.6.8".
    """
    slotted = project.config.slotted
    if unknown := [name for name in named if name not in slotted]:
        why = f"those with two slots are {', '.join(slotted)}"
        raise Refused(
            f"{unknown[0]} is no service that a release changes", why, with_services(command, slotted)
        )
    leaves = tuple(name for name in slotted if name not in named) if named else ()
    now = project.state_if_readable()
    if now and now.deployment:
        if named and now.deployment.new == version:
            _check_begun(now.deployment, leaves, command)
    elif wrong := list(_problems(project, leaves, command)):
        raise together(wrong)
    project.leaves = leaves


def with_services(command: str, services: Iterable[str]) -> str:
    """The command line for a release that changes these services; none: all."""
    listed = ",".join(services)
    return f"{command} --services {listed}" if listed else command


def told(project: Project) -> str:
    """For the end of a line that says what is started."""
    return f", with {' and '.join(slots.unchanged(project))} unchanged" if slots.unchanged(project) else ""


def check(project: Project, version: str) -> None:
    """Raises Refused where a release that begins cannot leave services unchanged."""
    if not slots.unchanged(project) or project.state().deployment:
        return
    found = project.compose(project.env_of(version))
    if wrong := [*_pairs(project), *_callers(project, found), *_one_image(project, found)]:
        raise together(wrong)
    if wrong := list(_container_problems(project, found, version)):
        raise together(wrong)
    there = project.engine.containers().get(project.config.proxy_service)
    if project.proxy.status().unchanged is None:
        why = "it would look for unchanged services in green"
        stop = f"{project.engine.name} stop {there.id[:12]}" if there else "bgctl down"
        raise Refused("the proxy is of an older bgctl", why, f"in a quiet minute: {stop}; bgctl up")


def _check_begun(release: Deployment, leaves: tuple[str, ...], command: str) -> None:
    if set(leaves) != set(release.unchanged):
        kept = ", ".join(release.unchanged) or "nothing"
        what = f"the release of {release.new} has begun with other services"
        raise Refused(what, f"it leaves {kept} unchanged", f"{command}, or: bgctl rollback")


def _problems(project: Project, leaves: Sequence[str], command: str) -> Iterator[BgctlError]:
    """What bgctl.toml says against it."""
    if leaves and project.config.project.engine.several_hosts:
        why = "its containers would have to be found in green's network on each node, and that is not built"
        yield Refused("a swarm cannot leave services unchanged", why, command)
        return
    for name in leaves:
        service, what = project.config.slotted[name], f"{name} cannot be left unchanged"
        if service.version != "image":
            why = f'it proves its version by its answer (version = "{service.version}"), which stays as it is'
            yield Refused(what, why, f'write version = "image" for it, or, to release all: {command}')


def _pairs(project: Project) -> Iterator[BgctlError]:
    """Unchanged services that the compose file has as a pair."""
    singles = derivation.singles(project.engine.document(None), project.config)
    for name in slots.unchanged(project):
        if name not in singles:
            why = f"it is a pair in the compose file, and green would miss {name}-green, which it may call"
            yield Refused(
                f"{name} cannot be left unchanged", why, "make it one service, or name it in --services"
            )


def _callers(project: Project, found: Compose) -> Iterator[BgctlError]:
    """Unchanged services that depend on one that changes: for both versions they would call the old one."""
    unchanged = slots.unchanged(project)
    changed = {
        each.compose: each.name for each in project.config.members("blue") if each.name not in unchanged
    }
    for name in unchanged:
        called = [changed[other] for other in found.services[f"{name}-blue"].needs if other in changed]
        if called:
            why = f"unchanged, it would call the old {called[0]} for the new version too"
            mend = f"name {name} in --services as well"
            yield Refused(f"{name} depends on {' and '.join(called)}, by the compose file", why, mend)


def _one_image(project: Project, found: Compose) -> Iterator[BgctlError]:
    """Unchanged services with the image of one that changes: under one name there is one image."""
    unchanged = slots.unchanged(project)
    others = [name for name in project.config.slotted if name not in unchanged]
    changed = {found.image(f"{name}-blue"): name for name in others}
    for name in unchanged:
        if other := changed.get(found.image(f"{name}-blue")):
            what = f"{name} has the image of {other}, which changes"
            why = f"under {found.image(f'{name}-blue')} there is one image"
            yield Refused(what, why, f"name {name} in --services as well, or give it an image of its own")


def _container_problems(project: Project, found: Compose, version: str) -> Iterator[BgctlError]:
    """Unchanged services that do not run, or of which the new version has another image already."""
    there = project.engine.containers()
    for name in slots.unchanged_names(project):
        container, image = there.get(name), found.image(name)
        if container is None or not container.state.running:
            yield Refused(f"{name} does not run", "a release that leaves it unchanged needs it", "bgctl up")
            continue
        facts, runs = project.engine.image_facts(image), plain_id(container.image_id)
        if facts and facts.id != runs:
            why = f"{short(facts.id)}, not {short(runs)}: so it changes with {version}"
            mend = f"name it in --services, or: {project.engine.name} rmi {image}"
            yield Refused(f"{image} is another image than {name} runs", why, mend)
