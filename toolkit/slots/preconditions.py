"""What must hold before a slot can start: its versions, images, mounted keys and ports."""

from collections.abc import Mapping

from toolkit.engine import compose_fit, diagnosis, key_mounts, ports
from toolkit.engine.compose import Compose
from toolkit.errors import Failed, Refused, together
from toolkit.images import catalogue
from toolkit.project import Project
from toolkit.slots import proven
from toolkit.slots.services import names
from toolkit.values import Address


def check_slot_images(project: Project, slot: str, version: str, pull: bool, anew: bool = False) -> Compose:
    """Returns the compose file. Raises Refused unless a slot could be started on `version`.

    For green both slots are read on `version`: the promotion will start blue on it. `anew`: the version is to
    be proven with what its images' names mean today.
    """
    services = names(project, slot)
    env = project.env_of(version) if slot == "green" else project.env_with(slot, version)
    found = project.compose(env)
    if slot == "green":
        check_versions(project, found, version)
    _check_start(project, found, services, pull, env, anew)
    return found


def check_return(project: Project, slot: str, version: str, pull: bool) -> None:
    """Raises Refused unless a slot could be started again on `version`, as it was proven.

    Other problems of the compose file are only warned of: they must not keep a rollback from its work.
    """
    services, env = names(project, slot), project.env_with(slot, version)
    found = project.read_compose(env)
    if lacking := list(compose_fit.absent(found, services, project.compose_files)):
        raise together(lacking)
    for error in compose_fit.problems(project.config, found, *project.compose_files):
        project.ui.warn(error.line)
    _check_start(project, found, services, pull, env)
    proven.check(project, found, services, version, "bgctl status, or, to stay on the new one: bgctl promote")


def _check_start(
    project: Project,
    found: Compose,
    services: list[str],
    pull: bool,
    env: Mapping[str, str],
    anew: bool = False,
) -> None:
    mounts = [
        mount for mount in key_mounts.of(found, project.root, project.keys_dir) if mount.service in services
    ]
    key_mounts.check(mounts, project.keys_dir, project.compose_files)
    check_images(project, found, services, pull, env, anew=anew)


def check_versions(project: Project, found: Compose, version: str) -> None:
    """Raises Refused for a slot that cannot be on `version`; warns of one that does not say its version."""
    serving = project.state().slots.blue.version or ""
    faults = []
    for error in compose_fit.alike(project.config, found, project.compose_files, (version, version), serving):
        if isinstance(error, Refused):
            faults.append(error)
        else:
            project.ui.warn(str(error))
    if faults:
        raise together(faults)


def check_images(
    project: Project,
    found: Compose,
    services: list[str],
    pull: bool,
    env: Mapping[str, str] | None = None,
    builds: bool = False,
    anew: bool = False,
) -> None:
    """Raises Refused naming every image that is not here and cannot be pulled, with the engine's diagnosis.

    On a swarm also for the first one that other nodes could have from nowhere.

    `env` is the environment with which `found` was read. An image without a name is made by the compose
    command itself. `builds`: the caller makes bgctl's own images, and builds those that have a build: in
    the compose file. Where an image was proven under a name, that image will do, unless the version is to be
    proven `anew`.
    """
    missing: dict[str, tuple[str, str]] = {}
    for service in services:
        image = found.image(service)
        if not image or image in missing:
            continue
        project.engine.check_reach(image, bool(found.services[service].build))
        if project.engine.has_image(image):
            continue
        if not anew and (proven.is_kept(project, image) or (pull and proven.fetch(project, image))):
            continue
        if trouble := _missing(project, found, service, pull, env, builds):
            missing[image] = trouble
    if missing:
        names = list(missing)
        what = f"image {names[0]} is missing" if len(names) == 1 else f"images {', '.join(names)} are missing"
        whys, nexts = zip(*missing.values(), strict=True)
        raise Refused(what, "; ".join(whys), "; ".join(dict.fromkeys(nexts)))


def _missing(
    project: Project, found: Compose, service: str, pull: bool, env: Mapping[str, str] | None, builds: bool
) -> tuple[str, str] | None:
    """Why an image that is not here cannot be had, and the command to run next; None where it can."""
    image = found.image(service)
    has_build, registry = bool(found.services[service].build), diagnosis.registry_of(image)
    if builds and has_build and not (pull and registry):
        return None
    by_hand = env is not None and has_build
    if image.startswith("localhost/") and not by_hand:  # no registry has it
        if builds and image in catalogue.NAMES:
            return None
        if mend := catalogue.command_for(image):
            return f"{service} needs it", mend
        why = f"{service} needs it, and no registry has what begins with localhost/"
        return why, f"{project.engine.name} build --tag {image} FOLDER"
    why, next = f"{service} needs it", f"{project.engine.name} pull {image}"
    if pull and not image.startswith("localhost/"):
        try:
            project.engine.pull(image)
        except Failed as error:
            why, next = f"{service} needs it, and {error}", error.next
        else:
            return None
    if builds and has_build:
        return None
    if env is not None and has_build and not registry:
        next = project.engine.build_by_hand([service], env)
    return why, next


def check_port(project: Project, service: str, address: Address) -> None:
    """Raises Refused when another program than this service listens there, or the service may not."""
    if service == project.config.proxy_service and not project.engine.running(service):
        ports.check_allowed(service, address)
    if not project.is_free(address) and not project.engine.is_here(service):
        mend = "stop that, or name another port in bgctl.toml (and in the compose file, if that has it)"
        if plain := [name for name in project.config.slotted if project.engine.running(name)]:
            # Plain compose has started the service of which bgctl makes the pair.
            mend = f"bgctl adopt   ({' and '.join(plain)} becomes blue); else {mend}"
        raise Refused(f"{address} is taken by {ports.holder(address)}", f"{service} needs it", mend)
