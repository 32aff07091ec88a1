"""Looks for what works with plain compose and harms a release, in and around a compose file.

Each function yields problems: the place, the reason and the lines to write. `up` refuses a Refused, and warns
of a NotYet.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from toolkit.config import Config
from toolkit.engine import compose_files
from toolkit.engine.commands import PROFILE
from toolkit.engine.compose import Compose
from toolkit.engine.compose_files import Chosen
from toolkit.engine.compose_lines import place
from toolkit.engine.container import Container
from toolkit.engine.engine import Engine
from toolkit.errors import BgctlError, NotYet, Refused
from toolkit.project import Project
from toolkit.values import SLOTS


def problems(project: Project, found: Compose) -> Iterator[BgctlError]:
    """All problems that can be found before the images are here."""
    config, paths = project.config, project.compose_files
    yield from choice(config, project.root, compose_files.choose(config.project, project.root))
    yield from names(config, found, paths)
    yield from profiles(config, found, paths, project.env_path)
    yield from plain_name(config, project.root, paths)
    if not project.adopted:
        yield from other_project(project, found)
    yield from taken_names(project.engine, found, paths)


def choice(config: Config, root: Path, chosen: Chosen) -> Iterator[BgctlError]:
    """Where plain compose, or bgctl at another time, would take other files than those that were chosen."""
    found = compose_files.present(root, compose_files.NAMES)
    overrides = compose_files.present(root, compose_files.OVERRIDES)
    written = _toml_list([*chosen.names[:1], *overrides[:1]])
    if chosen.source == "bgctl.toml":
        if len(chosen.names) == 1 and chosen.names[0] in found and overrides:
            why = f"plain compose would, and bgctl.toml names {chosen.names[0]} alone"
            yield NotYet(
                f"{overrides[0]} is not applied", why, f"write compose_file = {written} in bgctl.toml"
            )
        return
    if chosen.source == f"{compose_files.FILE} of the environment":
        why = "cron and others who run bgctl have another environment, and would take other files"
        mend = f"write compose_file = {_toml_list(chosen.names)} in bgctl.toml"
        yield NotYet(f"{compose_files.FILE} names the compose files", why, mend)
    if chosen.source:
        return
    for several in (found, overrides):
        if len(several) > 1:
            why = "compose commands differ in which they take"
            mend = f"write compose_file = {written} in bgctl.toml, or remove what is not used"
            yield NotYet(f"{' and '.join(several)} are here, and bgctl takes {several[0]}", why, mend)


def names(config: Config, found: Compose, paths: Sequence[Path]) -> Iterator[BgctlError]:
    """Services of the project with the same container_name: while one runs, the other cannot start."""
    called: dict[str, list[str]] = defaultdict(list)
    for name in config.compose_services:
        if name in found.services and (container := found.services[name].container_name):
            called[container].append(name)
    for container, several in called.items():
        if len(several) > 1:
            what = f"{place(paths, several[0], 'container_name')}: {' and '.join(several)}"
            why = "they run at the same time, and an engine has each name once"
            lines = ", ".join(place(paths, name, "container_name") for name in several)
            yield Refused(f"{what} are called {container}", why, f"remove container_name there ({lines})")


def profiles(config: Config, found: Compose, paths: Sequence[Path], env_path: Path) -> Iterator[BgctlError]:
    """A green that plain `compose up -d` would start."""
    for green in [member.compose for member in config.members("green")]:
        if green in found.services and PROFILE not in (found.services[green].profiles or []):
            what = f"{place(paths, green, 'profiles')}: {green} is not in the profile {PROFILE}"
            why = "plain `compose up -d` would start it, in a release or not"
            yield NotYet(what, why, f"write profiles: [{PROFILE}]")
    active = {**compose_files.variables(env_path), **os.environ}.get("COMPOSE_PROFILES", "")
    if {PROFILE, "*"} & set(active.split(",")):
        why = "plain `compose up -d` would start green, in a release or not"
        mend = f"remove it from {env_path.name} or the environment: bgctl names the profile itself"
        yield NotYet(f"COMPOSE_PROFILES is {active}", why, mend)


def plain_name(config: Config, root: Path, paths: tuple[Path, ...]) -> Iterator[BgctlError]:
    """Another project name in bgctl.toml than plain compose would give to this folder."""
    plain, ours = compose_files.plain_name(config.project, root, paths), config.project.name
    if plain != ours:
        why = f"`compose ps` by hand is about {plain}, and `compose up` would start everything a second time"
        mend = f"write {compose_files.NAME}={ours} into {config.project.env_file}"
        yield NotYet(f"compose calls this project {plain}, bgctl.toml {ours}", why, mend)


def taken_names(engine: Engine, found: Compose, paths: Sequence[Path]) -> Iterator[BgctlError]:
    """A container_name that a container of another project has."""
    for name, service in found.services.items():
        if not (container := service.container_name):
            continue
        for other in engine.of_name(container):
            if other.project != engine.commands.project:
                whose = f"project {other.project}" if other.project else "no compose project"
                line = place(paths, name, "container_name")
                what = f"{line}: {container} is the name of a container of {whose}"
                mend = f"remove container_name here, or: {engine.name} rm {container}"
                yield Refused(what, f"{name} could not start beside it", mend)


def other_project(project: Project, found: Compose) -> Iterator[BgctlError]:
    """Containers or volumes of this folder under another project name: this project would begin empty."""
    engine, ours = project.engine, str(project.config.project.name)
    theirs: dict[str, list[Container]] = defaultdict(list)
    for each in engine.elsewhere():
        theirs[each.project].append(each)
    plain = compose_files.plain_name(project.config.project, project.root, project.compose_files)
    if plain not in (ours, *theirs) and not engine.of_project(plain):
        theirs[plain] = []  # its containers may be gone, and its volumes be left
    for name, containers in theirs.items():
        yield from _other_name(engine, found, ours, name, containers)


def _other_name(
    engine: Engine, found: Compose, ours: str, name: str, containers: list[Container]
) -> Iterator[BgctlError]:
    there = engine.volumes()
    left = [key for key in found.volumes or {} if f"{name}_{key}" in there and f"{ours}_{key}" not in there]
    running = sorted({each.service for each in containers if each.state.running})
    if not left and not running:
        return
    has = [f"{', '.join(running)} running"] * bool(running)
    has += [f"data in {', '.join(f'{name}_{key}' for key in left)}"] * bool(left)
    ways = [f'write name = "{name}" in [project] of bgctl.toml']
    ways += [f"or end those first: {' '.join(engine.commands.compose)} --project-name {name} stop"] * bool(
        running
    )
    begun = "; ".join(f"{engine.name} volume create {ours}_{key}" for key in left)
    ways += [f"or, to begin with empty ones: {begun}"] * bool(left)
    why = f"{' and '.join(has)}; bgctl.toml says {ours}, which would begin beside it without that data"
    yield Refused(f"this folder is project {name} already", why, ", ".join(ways))


def by_hand(project: Project, env: Mapping[str, str]) -> Iterator[BgctlError]:
    """Services that plain `compose up -d` has changed, or would: it is not told what bgctl tells compose."""
    greens = {member.compose for member in project.config.members("green")}
    lasting = [name for name in project.config.compose_services if name not in greens]
    there, told = project.engine.containers(), project.engine.told(env)
    settings = {
        name: value for name, value in env.items() if name.startswith("BGCTL_")
    }  # not an app's VERSION
    if changed := [name for name in lasting if name in there and not there[name].agrees(settings)]:
        why = "they are not those of bgctl.toml: it has changed, or plain compose has started it"
        yield NotYet(f"{', '.join(changed)} runs with other settings", why, "bgctl up")
    ours, plain = (project.engine.document(each)["services"] for each in (env, None))
    if different := [name for name in lasting if name in plain and ours.get(name) != plain[name]]:
        text = "".join(path.read_text("utf-8", "replace") for path in project.compose_files if path.is_file())
        known = compose_files.variables(project.env_path)
        lines = " ".join(
            f"{name}={value}" for name, value in told.items() if _matters(text, name, value, known)
        )
        why = "it knows of bgctl.toml only what the env file says"
        mend = f"write into {project.env_path.name}: {lines}" if lines else "bgctl up, and no compose by hand"
        yield NotYet(f"plain `compose up -d` would start {', '.join(different)} otherwise", why, mend)


def _matters(text: str, name: str, value: str, known: Mapping[str, str]) -> bool:
    """Whether a compose file makes something else of a variable that it is not told."""
    used = re.findall(rf"\${{{name}(?::?-([^}}]*))?}}", text)
    if name in ("VERSION", "BGCTL_GREEN_RESTART"):  # of green, which plain compose does not start
        return False
    return any(known.get(name, default) != value for default in used)


def lost_data(
    engine: Engine, found: Compose, services: Iterable[str], paths: Sequence[Path]
) -> Iterator[BgctlError]:
    """Where an image keeps data (VOLUME) and nothing is mounted: each new container begins with nothing."""
    for name in services:
        service = found.services[name]
        if name in engine.slotted and not name.endswith(SLOTS):
            continue  # a further replica: what is told of the first holds for it
        for target in sorted(engine.image_volumes(service.image) - service.mount_points):
            slot = name in engine.slotted
            volume = _volume_name(name.removesuffix("-blue").removesuffix("-green"), target)
            goes = "is removed with each release" if slot else "is left behind with each new container"
            why = f"{service.image} keeps data in {target} (VOLUME), and without a mount that {goes}"
            pair = " in both slots" if slot else ""
            mend = f'write volumes: ["{volume}:{target}"]{pair}, and at the top: volumes: {{{volume}: {{}}}}'
            yield NotYet(f"{place(paths, name, 'volumes')}: {name} mounts nothing on {target}", why, mend)


def _volume_name(service: str, target: str) -> str:
    return f"{service}{target.rstrip('/').replace('/', '-')}"


def _toml_list(names: Sequence[str]) -> str:
    return json.dumps(list(names))
