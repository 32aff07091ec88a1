"""Starts the services on which others depend, before them, and waits as the compose file says."""

from collections.abc import Callable, Generator, Iterable

from toolkit import slots
from toolkit.config import SLOTS
from toolkit.drift import noting
from toolkit.engine import container_health, dependencies
from toolkit.engine.compose import HEALTHY, STARTED, Compose
from toolkit.engine.container import Container, Status
from toolkit.engine.dependencies import Dependency
from toolkit.errors import AGAIN, BgctlError, Failed, Refused, caught, together
from toolkit.files import needs_file
from toolkit.project import Project
from toolkit.release import one_shot
from toolkit.release.steps import Step

Problems = Generator[BgctlError, None, str]


def never() -> bool:
    return False


def plan(project: Project, found: Compose, services: Iterable[str]) -> list[Dependency]:
    """The dependencies of these services, in the order in which they start.

    Slots, the proxy and the session API are left out: each is started by a step of its own.
    """
    api = project.config.sessions.address
    apart = {
        project.config.proxy_service,
        *[name for name, each in project.config.shared.items() if each.address == api],
    }
    apart |= {name for slot in SLOTS for name in slots.names_of_all(project, slot)}
    return dependencies.plan(found, services, apart, project.compose_files)


def everything(project: Project, found: Compose) -> list[Dependency]:
    """The dependencies of all services of this project."""
    return plan(
        project, found, [*project.config.shared, *[n for slot in SLOTS for n in slots.names(project, slot)]]
    )


def problems(
    project: Project, found: Compose, services: Iterable[str], version: str, pull: bool, builds: bool = False
) -> Problems:
    """Why dependencies of these services could not start. `builds`: the caller builds missing images."""
    needed = plan(project, found, services)
    wrong = list(dependencies.problems(found, needed, project.compose_files))
    yield from wrong
    if wrong or not needed:
        return ""
    there, env = project.engine.containers(), project.env_of(version)
    absent = [each.service for each in needed if not each.one_shot and each.service not in there]
    images = [name for name in absent if found.image(name) or not found.services[name].build]
    yield from caught(lambda: slots.check_images(project, found, images, pull, env, builds))
    ahead = [each.service for each in needed if each.one_shot]
    if once := [name for name in ahead if not one_shot.has_run(project, name, version)]:
        of_version = project.engine.compose(env)
        yield from caught(lambda: slots.check_images(project, of_version, once, pull, env, builds))
    return ""


def check(project: Project, found: Compose, services: Iterable[str], version: str, pull: bool) -> None:
    """Raises Refused where a dependency of these services could not be started."""
    if wrong := list(problems(project, found, services, version, pull)):
        raise together(wrong)


def steps(
    project: Project, found: Compose, services: Iterable[str], version: str, once: Callable[[], bool] = never
) -> list[Step]:
    """A step for each dependency. `once` says whether one-shots may run: only before a version starts."""
    return [
        _run_once(project, each, version, once) if each.one_shot else _start(project, each)
        for each in plan(project, found, services)
        if not (each.one_shot and once is never)
    ]


def note(project: Project, found: Compose) -> None:
    """Notes the dependencies for `bgctl status`, which does not ask the compose command."""
    lasting = [each.service for each in everything(project, found) if not each.one_shot]
    needs_file.write(project.needs_path, lasting)


def keep(project: Project, slot: str, version: str) -> None:
    """Starts dependencies of a slot that are down. Only warns of a failure: the app may do without them."""
    try:
        found = project.engine.compose(project.env_with(slot, version))
        for each in plan(project, found, slots.names(project, slot)):
            if not (each.one_shot or _running(project.engine.containers().get(each.service))):
                start(project, Dependency(each.service, STARTED, each.wanted_by))
    except BgctlError as error:
        project.ui.warn(str(error))


def start(project: Project, each: Dependency) -> str:
    """Starts one dependency, unless it runs. One that has stopped keeps its container, for the data in it."""
    name = each.service
    there = project.engine.containers().get(name)
    if there is None:
        noting.up(project, name, project.blue_env())
    elif not _running(there):
        project.engine.start(there)
    if each.condition != HEALTHY:
        return f"{name} runs"
    await_health(project, each)
    return f"{name} is healthy"


def await_health(project: Project, each: Dependency) -> None:
    """Raises Failed with its last log lines."""
    name = each.service
    seen = project.engine.look(name)
    if seen and _running(seen) and not seen.checks:
        why = f"{each.wanted_by} waits until it is healthy, and it has no healthcheck"
        mend = f"write a healthcheck for {name} in {project.compose_path.name}, or condition: {STARTED}"
        raise Refused(f"whether {name} is healthy is not known", why, mend)
    try:
        container_health.prove(name, lambda: project.engine.look(name), project.config.health)
    except Failed as error:
        raise Failed(error.what, error.why, AGAIN, project.engine.logs(name)) from None


def is_ready(project: Project, each: Dependency) -> bool:
    if each.condition == HEALTHY:
        return container_health.fault(project.engine.look(each.service)) is None
    return _running(project.engine.containers().get(each.service))


def _running(container: Container | None) -> bool:
    """One that its engine brings back by itself counts."""
    now = container.state if container else Status()
    return now.running or now.partly or now.status == "restarting"


def _start(project: Project, each: Dependency) -> Step:
    return Step(
        name=each.service,
        what=f"start {each.service}: {each.wanted_by} needs it",
        do=lambda: start(project, each),
        needed=lambda: not is_ready(project, each),
        skipped="healthy already" if each.condition == HEALTHY else "runs already",
    )


def _run_once(project: Project, each: Dependency, version: str, once: Callable[[], bool]) -> Step:
    return Step(
        name=each.service,
        what=f"run {each.service} for {version}: {each.wanted_by} waits until it has completed",
        do=lambda: one_shot.run(project, each.service, version),
        needed=lambda: once() and not one_shot.has_run(project, each.service, version),
        skipped=one_shot.why_not(project, version),
    )
