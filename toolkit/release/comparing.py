"""Compares what each container was started with, and what the proxy has loaded, with the files of today.

This asks the compose command and renders nginx.conf: `differences` has it done only where it has to be.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from toolkit import slots
from toolkit.clients.proxy import reachable
from toolkit.config import SLOTS
from toolkit.drift import fingerprints, noting
from toolkit.engine import compose_files, compose_inputs
from toolkit.engine.container import Container
from toolkit.errors import BgctlError
from toolkit.files import releases_file, started_file
from toolkit.health.image_proof import tag
from toolkit.project import Project
from toolkit.release.difference import Difference
from toolkit.rendering import inputs, reload, shared_memory
from toolkit.shipped import shipped
from toolkit.state.document import State
from toolkit.state.started import Started

Containers = Mapping[str, Container]  # by compose service
RELOADED = "bgctl.toml"  # what the proxy has not loaded of it


def compare(project: Project, now: State, containers: Containers) -> list[Difference]:
    """Raises what the engine or the compose command says."""
    return [*_containers(project, now, containers), *_proxy_files(project, containers)]


def files(project: Project) -> list[Path] | None:
    """Those that `compare` reads; None: they are not all known, or one look is not like the next."""
    root, state = project.root, project.state_dir
    composed = compose_inputs.of(project.compose_files, root)
    try:
        rendered = inputs.of(project)
    except BgctlError:
        return None
    if composed is None or rendered is None:
        return None
    candidates = [root / name for name in (*compose_files.NAMES, *compose_files.OVERRIDES)]
    noted = [state / started_file.NAME, state / releases_file.NAME]
    own = [project.config_path, project.env_path, project.engine_path, *noted]
    ours = shipped("compose", "bgctl.yaml")  # has services that the user's files need not have
    return [*own, *candidates, *composed, ours, *rendered]


def running(containers: Containers) -> dict[str, str]:
    """The ids of those that run, by service."""
    return {name: each.id for name, each in containers.items() if each.state.running}


def _containers(project: Project, now: State, containers: Containers) -> Iterator[Difference]:
    key, noted = started_file.key(project.keys_dir), started_file.read(project.state_dir)
    if key is None or not noted:
        return
    there = running(containers)
    versions = _versions(project, now, noted)
    versions |= {
        name: _started_on(project, containers[name], versions[name]) for name in versions if name in there
    }
    names = [name for name in noted if noted[name].id == there.get(name) and name in versions]
    if not names:
        return
    wanted = noting.wanted(project, names, {name: versions[name] for name in names}, key)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name in names:
        if name in wanted and (found := fingerprints.differing(noted[name], wanted[name])):
            alike.setdefault((_slot(project, name), tuple(found)), []).append(name)
    for (slot, settings), services in alike.items():
        next = _next(project, now, services[0], slot, there)
        yield Difference(tuple(services), settings, next, slot)


def _versions(project: Project, now: State, noted: Mapping[str, Started]) -> dict[str, str]:
    """Each service that may run, with its version; what is beside the slots goes with blue's."""
    beside = dict.fromkeys(noted, now.slots.blue.version or "")
    slotted = {name: now.slots[slot].version or "" for slot in SLOTS for name in slots.names(project, slot)}
    return {name: version for name, version in (beside | slotted).items() if version}


def _started_on(project: Project, container: Container, version: str) -> str:
    """The version on which a container was started: an older one, where a release has left it unchanged."""
    is_older = container.has_image(releases_file.image_left(project.state_dir, container.service, version))
    return tag(container.config.image) if is_older else version


def _slot(project: Project, name: str) -> str:
    member = project.config.placed.get(name)
    return member.slot if member else ""


def _next(project: Project, now: State, name: str, slot: str, there: Mapping[str, str]) -> str:
    if slot:
        return "bgctl restart" if now.phase == "rest" else "bgctl restart, after this release"
    if name in project.config.shared:
        return "bgctl up"  # nobody is routed by it
    if name == project.config.proxy_service:
        if reload.missing_mounts(project):
            return reload.ANEW
        return _anew(project, there[name])
    return f"in a quiet minute: {project.engine.compose_command} up -d --no-deps {name}"


def _anew(project: Project, container: str) -> str:
    """What brings a new container of the proxy. `container` is the id of the one that it has."""
    if project.config.project.engine.several_hosts:
        return "bgctl up"
    return f"in a quiet minute: {project.engine.name} stop {container[:12]}; bgctl up"


def _proxy_files(project: Project, containers: Containers) -> Iterator[Difference]:
    """A proxy that has not loaded what bgctl.toml says; one of another bgctl is told so too."""
    if reload.loaded(project) is None or reachable(project.proxy) is None:
        return
    try:
        files, _ = reload.wanted(project)
    except BgctlError:
        return  # a certificate or a page: doctor tells what is wrong with it
    if not reload.is_loaded(project, files):
        yield Difference((project.config.proxy_service,), (RELOADED,), reload.command(project))
    name = project.config.proxy_service
    if reload.is_resized(project) and (proxy := containers.get(name)):
        yield Difference((name,), (shared_memory.SETTING,), _anew(project, proxy.id))
