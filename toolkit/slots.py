"""A slot as a whole: all slotted services start, are proven and stop together."""

import time
from collections.abc import Iterable, Iterator, Mapping

from msgspec import structs

from toolkit.config import SLOTS, Service
from toolkit.engine import compose_fit, container_health, dependencies, diagnosis, key_mounts, ports
from toolkit.engine.compose import Compose
from toolkit.errors import BgctlError, Failed, Refused, together
from toolkit.health import cause as health_cause
from toolkit.health import check as health_check
from toolkit.health import idle
from toolkit.health import proof as health
from toolkit.health.answer import Fault
from toolkit.health.cause import Trouble
from toolkit.health.check import Check
from toolkit.health.proof import Unhealthy
from toolkit.project import Project
from toolkit.state.document import State
from toolkit.values import Address


def members(project: Project, slot: str) -> list[tuple[str, Service, Address]]:
    """(compose service, configuration, address) of each slotted service that has an address."""
    return [(f"{name}-{slot}", each, each.at(slot)) for name, each in project.config.reached.items()]


def workers(project: Project, slot: str) -> list[str]:
    """The compose services of those that have none: they follow the slot."""
    return [f"{name}-{slot}" for name in project.config.workers]


def names(project: Project, slot: str) -> list[str]:
    """Every compose service of a slot."""
    return [f"{name}-{slot}" for name in project.config.slotted]


def addresses(project: Project, slots: Iterable[str]) -> list[tuple[str, Address]]:
    """(compose service, address) of the proxy, of what is shared, and of `slots`."""
    found = [("proxy", address) for address in project.config.listeners.values()]
    found += [(name, each.at("address")) for name, each in project.config.shared.items()]
    return found + [(name, address) for slot in slots for name, _, address in members(project, slot)]


def public(project: Project) -> list[Address]:
    """Where browsers come."""
    return [address for name, address in project.config.listeners.items() if name != "proxy.control"]


def checks(project: Project, slot: str) -> list[tuple[str, Check]]:
    """(compose service, how it is asked for its health) of each slotted service that has an address."""
    return [
        (f"{name}-{slot}", health_check.of(project.config, name, slot)) for name in project.config.reached
    ]


def need_engine(project: Project) -> bool:
    """Whether nobody but the engine can tell how some service is."""
    reached = project.config.reached.values()
    return bool(project.config.workers) or any(service.health.by_engine for service in reached)


def fault(project: Project, slot: str, version: str) -> str | None:
    """Why a slot does not serve `version` at this moment, its likely cause and what to write, or None."""
    found = trouble(project, slot, version)
    return str(found) if found else None


def trouble(project: Project, slot: str, version: str) -> Trouble | None:
    """The same, in its parts."""
    for name, check in checks(project, slot):
        if found := look(project, name, check, version):
            return explained(project, name, check, found)
    for name in workers(project, slot):
        if problem := container_health.fault(project.engine.look(name)):
            return Trouble(f"{name}: {problem}")
    return None


def shared_trouble(project: Project, name: str) -> Trouble | None:
    """Why a service that both versions share is not healthy."""
    check = health_check.of(project.config, name)
    found = look(project, name, check, None)
    return explained(project, name, check, found) if found else None


def troubles(project: Project, now: State) -> Iterator[Trouble]:
    """All that should be healthy by the state and is not; of the session API its own client tells more."""
    for slot in SLOTS:
        version = now.slots[slot].version
        if version and now.slots[slot].state != "maint" and (found := trouble(project, slot, version)):
            yield found
    for name, service in project.config.shared.items():
        if service.address != project.config.sessions.address and (found := shared_trouble(project, name)):
            yield found


def look(project: Project, name: str, check: Check, version: str | None) -> Fault | None:
    """What is wrong with one service at this moment. What knows of another way to tell belongs here."""
    return _seen(project, name, check, version) or image_fault(project, name, check, version)


def _seen(project: Project, name: str, check: Check, version: str | None) -> Fault | None:
    """What its answer says, or the engine of a service that is not asked."""
    if not check.by_engine:
        return health.probe(check, version)
    try:
        problem = container_health.fault(project.engine.look(name))
    except BgctlError:  # as with images: routing must not wait for an engine, and who listens stands alone
        return Fault("no_answer", "connection refused") if ports.is_free(check.address) else None
    return Fault("engine", problem) if problem else None


def image_fault(project: Project, name: str, check: Check, version: str | None) -> Fault | None:
    if version is None or check.proof != "image":
        return None
    return project.image_proof.fault(name, check, version)


def explained(project: Project, name: str, check: Check, found: Fault) -> Trouble:
    """With the likely cause; the name of the service stands before what was seen."""
    told = health_cause.of(found, check, project.config, project.config_path)
    if found.kind == "no_answer" and (gone := _not_running(project, name)):
        told = Trouble(found.seen, gone)
    return structs.replace(told, seen=f"{name}: {told.seen}")


def _not_running(project: Project, name: str) -> str | None:
    """Why nothing can answer: only ever explains what was seen without the engine."""
    try:
        found = project.containers().get(name)
    except BgctlError:
        return None
    if found is None:
        return "it has no container"
    return None if found.state.running else f"its container exited with code {found.state.exit_code}"


def serves(project: Project, slot: str, version: str) -> bool:
    """Whether all of a slot serves `version`. What this denies gets restarted: see `answers`."""
    reached = all(answers(project, name, check, version) for name, check in checks(project, slot))
    if not (reached and workers(project, slot)):
        return reached
    try:
        return not _idle_workers(project, slot, _found(project, slot, version))
    except BgctlError:
        return True  # the engine is silent: it could restart nothing, and keeps nobody from going back


def _found(project: Project, slot: str, version: str) -> Compose:
    """The compose file with `version` in this slot, for its order and its workers' images.

    Empty where nobody has to ask, for each time costs a second; and where it is broken: nobody is kept from
    going back to a slot that runs.
    """
    if len(names(project, slot)) == 1:
        return Compose({})
    try:
        return project.engine.compose(env_with(project, slot, version))
    except BgctlError:
        return Compose({})


def _idle_workers(project: Project, slot: str, found: Compose, starting: bool = False) -> list[str]:
    """The workers of a slot that are not at work on its version: with the image that `found` has for them.

    `starting`: those that have just been started count as at work.
    """
    seen = {name: project.engine.look(name) for name in workers(project, slot)}
    images = {name: found.image(name) for name in seen if name in found.services}
    return [
        name
        for name, each in seen.items()
        if each is None
        or (container_health.fault(each) and not (starting and container_health.is_starting(each)))
        or not each.runs(images.get(name, ""))
    ]


def _to_start(project: Project, slot: str, version: str, found: Compose) -> set[str]:
    """What of a slot does not run `version`. What has just been started is waited for, and not made anew."""
    reached = {
        name
        for name, check in checks(project, slot)
        if not (project.engine.running(name) and _answers_soon(project, name, check, version))
    }
    return reached | set(_idle_workers(project, slot, found, starting=True))


def _answers_soon(project: Project, name: str, check: Check, version: str) -> bool:
    if check.by_engine and container_health.is_starting(project.engine.look(name)):
        return image_fault(project, name, check, version) is None
    return answers(project, name, check, version)


def prove(project: Project, slot: str, version: str) -> None:
    """Raises Failed with the container's last log lines."""
    for name, check in checks(project, slot):
        prove_service(project, name, check, version)
    for name in workers(project, slot):
        prove_by_engine(project, name)


def start(project: Project, slot: str, version: str) -> str:
    """Starts what does not run `version` yet, and proves all of it. Returns a note."""
    env, found = env_with(project, slot, version), _found(project, slot, version)
    missing = _to_start(project, slot, version, found)
    for name, waits_for in _in_order(missing, found, names(project, slot)):
        for other in waits_for:
            _prove_member(project, slot, other, version)
        project.engine.up(name, env, project.grace(name))
    prove(project, slot, version)
    return f"{slot} is healthy on {version}"


def _in_order(missing: set[str], found: Compose, everyone: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Those of a slot that are to be started, each with the others that have to be healthy before it."""
    for name in dependencies.in_order(found, everyone):
        if name in missing:
            needs = found.services[name].needs if name in found.services else {}
            yield name, [each for each in needs if each in everyone and needs[each] == dependencies.HEALTHY]


def _prove_member(project: Project, slot: str, name: str, version: str) -> None:
    for each, check in checks(project, slot):
        if each == name:
            return prove_service(project, name, check, version)
    return prove_by_engine(project, name)


def answers(project: Project, name: str, check: Check, version: str | None) -> bool:
    """Whether a service is healthy and, where `version` is given, is that."""
    # Three tries: one slow answer is no reason to restart what may be serving people.
    return any(look(project, name, check, version) is None for _ in range(3))


def contradictions(project: Project, slot: str, version: str) -> list[str]:
    """What to think of services that are of `version` by their image, and name another one themselves."""
    asked = [(name, check) for name, check in checks(project, slot) if not check.by_engine]
    by_image = [(name, check) for name, check in asked if check.proof == "image"]
    found = [(name, health.contradiction(check, version)) for name, check in by_image]
    return [
        f"{name} runs the image of {version}, and its health path says {told}: where these should agree, "
        f'the image was built from other code (version = "json" would insist)'
        for name, told in found
        if told
    ]


def watch_over(project: Project, now: State) -> None:
    """The engine restarts green for as long as it has sessions, as it does blue.

    Best effort, and after the routing: an engine that hangs must not keep a switch or a rollback from it.
    """
    wanted = has_sessions(now)
    for name in names(project, "green"):
        try:
            project.engine.keep_running(name, wanted)
        except BgctlError as error:
            if wanted:
                project.ui.warn(error.line)


def has_sessions(now: State) -> bool:
    """Whether green is production: a candidate and a preview are not."""
    return now.slots.green.state != "maint" and now.phase != "preview"


def watch_idle(
    project: Project, slots: Iterable[str], shared: bool = False, believe: bool = False
) -> idle.Watch:
    """Begins to measure how long the services of these slots, and shared ones, keep idle connections."""
    services = [each for slot in slots for each in checks(project, slot)]
    if shared:
        services += [(name, health_check.of(project.config, name)) for name in project.config.shared]
    return idle.Watch(services, project.config.proxy.upstream_keepalive, believe)


def stop(project: Project, slot: str) -> str:
    """SIGTERM, the grace, then removal. Nothing to stop is fine."""
    for name in names(project, slot):
        grace, start = project.grace(name), time.monotonic()
        project.engine.remove(name, grace)
        if time.monotonic() - start >= grace > 0:
            project.ui.warn(overstayed(name, grace))
    return f"{slot} is stopped"


def overstayed(name: str, grace: float) -> str:
    """What to think of a service that was stopped, and had to be killed when its time was over."""
    why = "it has not ended by SIGTERM; a program that is the first of its container may not even notice it"
    return f"{name} was killed after {grace:g} s: {why}; next: write init: true for it, or end on SIGTERM"


def dead(project: Project, slot: str) -> bool:
    """Whether the engine does not run all of it, and will not by itself."""
    return any(project.engine.dead(name) for name in names(project, slot))


def absent(project: Project, slot: str) -> bool:
    """No container of this slot is left, running or not."""
    found = project.engine.containers()
    return not any(name in found for name in names(project, slot))


def wait_empty(project: Project, slot: str) -> str:
    """Until a slot that the state has taken out of routing has nothing open, or the deadlines are over."""
    generation = project.state().generation
    note = project.proxy.wait_empty(slot, generation, project.config.drain, project.ui.progress)
    return f"{slot} {note}"


def prove_service(project: Project, name: str, check: Check, version: str | None) -> None:
    """Raises Failed with the likely cause, what to write, and the container's last log lines."""
    try:
        if check.by_engine:
            prove_by_engine(project, name)
        else:
            health.prove(name, check, version, project.config.health, lambda: project.engine.dead(name))
    except Unhealthy as error:
        found = explained(project, name, check, error.fault) if error.fault else Trouble("")
        why = f"{error.why}: {found.why}" if found.why else error.why
        raise Failed(error.what, why, found.next or "bgctl status", project.engine.logs(name)) from None
    if fault := image_fault(project, name, check, version):
        told = explained(project, name, check, fault)
        raise Failed(f"{name} is not healthy", f"{told.seen}: {told.why}", told.next or "bgctl status")


def image_of(project: Project, service: str, version: str) -> str:
    """The image that the compose file has for a slot's service on `version`."""
    return project.compose(env_with(project, service.rpartition("-")[2], version)).image(service)


def prove_by_engine(project: Project, name: str) -> None:
    """Raises Failed with its last log lines. For workers, and for whom bgctl.toml leaves it to the engine."""
    try:
        container_health.prove(name, lambda: project.engine.look(name), project.config.health)
    except Failed as error:
        raise Failed(error.what, error.why, "bgctl status", project.engine.logs(name)) from None


def env_with(project: Project, slot: str, version: str) -> dict[str, str]:
    """The compose environment with `version` in `slot`, the other slot as the state has it."""
    state = project.state()
    blue = version if slot == "blue" else state.slots.blue.version
    green = version if slot == "green" else state.slots.green.version
    return project.compose_env(blue or version, green or version)


def candidate_env(project: Project, version: str) -> dict[str, str]:
    """Both slots on `version`: green as it will be started, and blue as the promotion will start it."""
    return project.compose_env(version, version)


def check_versions(project: Project, found: Compose, version: str) -> None:
    """Raises Refused for a slot that cannot become `version`; warns of one that does not say its version."""
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
) -> None:
    """Raises Refused naming every image that is not here and cannot be had, each with the engine's reason.

    `env` is what `found` was read with. An image without a name is made by the compose command itself.
    `builds`: the caller builds what the compose file has a build: for.
    """
    missing: dict[str, tuple[str, str]] = {}
    for service in services:
        image = found.image(service)
        if (
            image
            and image not in missing
            and (trouble := _missing(project, found, service, pull, env, builds))
        ):
            missing[image] = trouble
    if missing:
        names = list(missing)
        what = f"image {names[0]} is missing" if len(names) == 1 else f"images {', '.join(names)} are missing"
        whys, nexts = zip(*missing.values(), strict=True)
        raise Refused(what, "; ".join(whys), "; ".join(dict.fromkeys(nexts)))


def _missing(
    project: Project, found: Compose, service: str, pull: bool, env: Mapping[str, str] | None, builds: bool
) -> tuple[str, str] | None:
    """Why an image cannot be had, and what to run next."""
    image = found.image(service)
    has_build, registry = bool(found.services[service].build), diagnosis.registry_of(image)
    if project.engine.has_image(image) or (builds and has_build and not (pull and registry)):
        return None
    by_hand = env is not None and has_build
    if image.startswith("localhost/") and not by_hand:  # no registry has it: setup/images built it
        return f"{service} needs it", f"setup/images {project.engine.name}   (in a checkout)"
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


def check_slot_images(project: Project, slot: str, version: str, pull: bool) -> Compose:
    """The compose file. Raises Refused unless a slot could be started on `version`."""
    services = names(project, slot)
    env = candidate_env(project, version) if slot == "green" else env_with(project, slot, version)
    found = project.compose(env)
    if slot == "green":
        check_versions(project, found, version)
    _check_start(project, found, services, pull, env)
    return found


def check_return(project: Project, slot: str, version: str, pull: bool) -> None:
    """Raises Refused unless a slot could be started on `version` again.

    Whatever else has come to be wrong with the compose file is told, and keeps nobody from going back.
    """
    services, env = names(project, slot), env_with(project, slot, version)
    found = project.read_compose(env)
    if lacking := list(compose_fit.absent(found, services, project.compose_files)):
        raise together(lacking)
    for error in compose_fit.problems(project.config, found, *project.compose_files):
        project.ui.warn(error.line)
    _check_start(project, found, services, pull, env)


def _check_start(
    project: Project, found: Compose, services: list[str], pull: bool, env: Mapping[str, str]
) -> None:
    mounts = [
        mount for mount in key_mounts.of(found, project.root, project.keys_dir) if mount.service in services
    ]
    key_mounts.check(mounts, project.keys_dir, project.compose_files)
    check_images(project, found, services, pull, env)


def check_port(project: Project, service: str, address: Address) -> None:
    """Raises Refused when somebody other than this service's own container is there, or it may not be."""
    if service == "proxy" and not project.engine.running(service):
        ports.check_allowed(service, address)
    if not ports.is_free(address) and not project.engine.running(service):
        mend = "stop that, or name another port in bgctl.toml and the compose file"
        raise Refused(f"{address} is taken by {ports.holder(address)}", f"{service} needs it", mend)


def describe(state: State) -> str:
    """ "blue 1.6.7 drain, green 1.6.8 ready 100" """
    slots = (("blue", state.slots.blue), ("green", state.slots.green))
    return ", ".join(
        f"{name} {slot.version} {slot.state}" + f" {slot.weight}" * bool(slot.weight)
        for name, slot in slots
        if slot.version
    )
