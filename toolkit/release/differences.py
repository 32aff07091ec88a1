"""Which containers run with other settings than the files say today, and what brings those.

Values are never told: they may be secrets. A container of which nothing was noted is not told of: plain
compose has started it, or a bgctl that noted nothing.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from toolkit import slots
from toolkit.clients.proxy import reachable
from toolkit.config import SLOTS
from toolkit.drift import fingerprints, noting
from toolkit.engine.container import Container
from toolkit.errors import BgctlError
from toolkit.files import releases_file, started_file
from toolkit.health.image_proof import tag
from toolkit.project import Project
from toolkit.rendering import reload, shared_memory
from toolkit.state.document import State
from toolkit.state.started import Started

RELOADED = "bgctl.toml"  # what the proxy has not loaded of it


class Difference(Struct, frozen=True):
    """The services that run with other settings, those, and the command that brings them."""

    services: tuple[str, ...]
    settings: tuple[str, ...]
    next: str
    slot: str = ""  # "": it is beside the slots

    @property
    def what(self) -> str:
        runs = "runs" if len(self.services) == 1 else "run"
        return f"{' and '.join(self.services)} {runs} with other settings than your files say"

    @property
    def line(self) -> str:
        return f"{self.what}: {', '.join(self.settings)}; next: {self.next}"


def look(project: Project) -> list[Difference]:
    """Raises what the engine or the compose command says."""
    now = project.state()
    if now.deployment and now.deployment.is_restart:
        return []  # that is what it is about
    return [*_containers(project, now), *_proxy_files(project)]


def told(project: Project) -> list[Difference]:
    """As `look`; empty where that cannot be told: nothing waits for it."""
    try:
        return look(project)
    except BgctlError:
        return []


def of_slots(project: Project) -> list[Difference]:
    """Those that a restart or a release brings, as far as they are known."""
    return [each for each in told(project) if each.slot]


def _containers(project: Project, now: State) -> Iterator[Difference]:
    key, noted = started_file.key(project.keys_dir), started_file.read(project.state_dir)
    if key is None or not noted:
        return
    running = {name: each for name, each in project.containers().items() if each.state.running}
    there = {name: each.id for name, each in running.items()}
    versions = _versions(project, now, noted)
    versions |= {
        name: _started_on(project, running[name], versions[name]) for name in versions if name in running
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
    return f"in a quiet minute: {project.engine.name} stop {container[:12]}; bgctl up"


def _proxy_files(project: Project) -> Iterator[Difference]:
    """A proxy that has not loaded what bgctl.toml says; one of another bgctl is told so too."""
    if reload.loaded(project) is None or reachable(project.proxy) is None:
        return
    try:
        files, _ = reload.wanted(project)
    except BgctlError:
        return  # a certificate or a page: doctor tells what is wrong with it
    if not reload.is_loaded(project, files):
        yield Difference((project.config.proxy_service,), (RELOADED,), "bgctl reload")
    name = project.config.proxy_service
    if reload.is_resized(project) and (proxy := project.containers().get(name)):
        yield Difference((name,), (shared_memory.SETTING,), _anew(project, proxy.id))
