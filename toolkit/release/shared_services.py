"""Starts the services that both versions share, such as the session API, and the store behind it."""

from urllib.parse import urlsplit

from toolkit import slots
from toolkit.drift import noting
from toolkit.engine.compose import STARTED, Compose
from toolkit.engine.dependencies import Dependency
from toolkit.errors import Failed
from toolkit.health import check as health_check
from toolkit.project import Project
from toolkit.release import image_builds, needs
from toolkit.release.steps import Step

STORE = "BGCTL_STORE"  # the variable that tells the session API where it keeps sessions


def steps(project: Project, found: Compose, blue: str) -> list[Step]:
    """Starts the store first, then each shared service after its dependencies. `blue` is blue's version."""
    services = [step for name in project.config.shared for step in _service(project, name, found, blue)]
    return [*_stores(project, found), *services]


def _stores(project: Project, found: Compose) -> list[Step]:
    """A step for each service of the compose file that BGCTL_STORE names, such as redis.

    One on which a shared service depends by the compose file is started with the other dependencies.
    """
    named = [each.service for each in needs.plan(project, found, project.config.shared)]
    hosts = [name for name in stores(project, found) if name in found.services and name not in named]
    return [_store(project, name) for name in hosts]


def _store(project: Project, name: str) -> Step:
    return Step(name="store", what=f"start {name}", do=lambda: start_store(project, name))


def _service(project: Project, name: str, found: Compose, blue: str) -> list[Step]:
    starts = lambda: not project.engine.running(name)  # noqa: E731
    own = Step(name=name, what=f"start {name}", do=lambda: start(project, name, found))
    return [*needs.steps(project, found, [name], blue, once=starts), own]


def stores(project: Project, found: Compose) -> list[str]:
    """The hosts that BGCTL_STORE names, for each shared service, as the compose command has read it."""
    told = [found.services[name].variable(STORE) for name in project.config.shared]
    return list(dict.fromkeys(host for url in told if url and (host := host_of(url))))


def host_of(url: str) -> str | None:
    """None where the URL names no host or cannot be read: the session API tells what is wrong with it."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def start_store(project: Project, name: str) -> str:
    """Starts the store. Whether it is healthy shows in the health of the session API."""
    if project.engine.running(name):
        return f"{name} runs already"
    if name not in project.engine.containers():
        env = project.blue_env()
        image_builds.provide(project, project.compose(env), name, env)
    return needs.start(project, Dependency(name, STARTED, "session-api"))


def start(project: Project, name: str, found: Compose | None = None) -> str:
    """Starts a shared service unless it runs well. `found` is the compose file; None: it is still to be read.

    The session API is also started anew where its store is another one now, and where it does not take our
    admin key: then its container has mounted a key that is gone. On a swarm, where keys and settings are in
    new containers only, each is started anew where something of it has changed.
    """
    service, env = project.config.shared[name], project.blue_env()
    address, check = service.at("address"), health_check.of(project.config, name)
    is_session_api = address == project.config.sessions.address
    found = found or project.compose(env)
    store = found.services[name].variable(STORE)
    told = {**env, STORE: store} if store else env
    well = project.engine.running(name, told) and slots.answers(project, name, check, None)
    if well and project.config.project.engine.several_hosts:
        well = project.engine.is_current(name, env)
    if not well or (is_session_api and project.sessions.refuses_us()):
        image_builds.provide(project, found, name, env)
        slots.check_port(project, name, address)
        noting.up(project, name, env)
    slots.prove_service(project, name, check, None)
    if is_session_api and project.sessions.refuses_us():
        why = f"its container has mounted another one: write ./keys/admin:/keys/admin:ro for {name}"
        mend = f"edit {project.compose_path.name}, then: bgctl up"
        raise Failed(f"{name} refuses our admin key", why, mend)
    return f"{name} is healthy"
