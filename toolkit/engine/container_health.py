"""Whether a container is healthy by the engine: by its HEALTHCHECK, or else because it keeps running."""

from collections.abc import Callable, Iterable, Mapping

from toolkit.clock import SYSTEM
from toolkit.config import Health
from toolkit.engine.container import Container
from toolkit.errors import Failed

STEADY = 2.0  # seconds for which a container without a HEALTHCHECK has to keep running
# The engines' defaults for a HEALTHCHECK: seconds, seconds and a count.
EVERY, LIMIT, RETRIES = 30.0, 30.0, 3
NANO = 1e9  # nanoseconds in a second

Look = Callable[[], Container | None]


def fault(container: Container | None) -> str | None:
    """Why a container is not healthy at this moment, or None."""
    if container is None:
        return "it has no container"
    if reason := stopped(container):
        return reason
    if container.checks is None or container.health.status == "healthy":
        return None
    if container.health.status == "unhealthy":
        said = (container.health.log or [])[-1:]
        words = said[0].output.strip().splitlines()[-1:] if said else []
        return ": ".join(["its HEALTHCHECK fails", *[line[:200] for line in words]])
    return "its HEALTHCHECK has not passed yet"


def stopped(container: Container) -> str | None:
    """Why a container does not run, or None."""
    now = container.state
    if now.words:
        return now.words
    if now.status == "restarting":
        return f"it dies and is restarted, the last time with exit code {now.exit_code}"
    if now.running:
        return None
    return "it has not been started" if now.status == "created" else f"it exited with code {now.exit_code}"


def is_starting(container: Container | None) -> bool:
    """Whether a container runs, and its HEALTHCHECK has not had a result yet."""
    return container is not None and container.health.status == "starting" and not stopped(container)


def faults(services: Iterable[str], containers: Mapping[str, Container]) -> dict[str, str]:
    """Why services do not run or are unhealthy, by name; those that are starting are left out."""
    found = {}
    for name in services:
        each = containers.get(name)
        if not is_starting(each) and (why := fault(each)):
            found[name] = why
    return found


def hopeless(container: Container | None) -> bool:
    """Whether a container cannot become healthy by itself any more."""
    if container is None:
        return True
    return not container.state.running and container.state.status not in ("created", "restarting")


def patience(container: Container | None, health: Health) -> float:
    """Seconds that a start may take: a HEALTHCHECK has times of its own until its first result."""
    if container is None or (check := container.checks) is None:
        return health.timeout
    every, limit = (check.interval / NANO or EVERY), (check.timeout / NANO or LIMIT)
    if container.health.status != "starting":
        return health.timeout
    return max(health.timeout, check.start_period / NANO + (check.retries or RETRIES) * (every + limit))


def prove(name: str, look: Look, health: Health) -> None:
    """Waits until a container is healthy. Raises Failed when it is not in time, or cannot be any more.

    Without a HEALTHCHECK it has to be seen `passes` times in a row, in `STEADY` seconds without a restart.
    """
    since, passes, life = 0.0, 0, ""
    for now in SYSTEM.every(health.interval):
        seen = look()
        problem = fault(seen)
        if problem is None and seen is not None:
            if seen.checks:
                return
            this_life = f"{seen.id} {seen.state.started_at}"
            if this_life != life:
                since, passes, life = now, 0, this_life
            passes += 1
            if passes >= health.passes and now - since >= STEADY:
                return
        else:
            life = ""
        if hopeless(seen):
            raise Failed(f"{name} is not healthy", problem or "")
        if now >= patience(seen, health):
            why = problem or "it has been restarted again and again"
            raise Failed(f"{name} is not healthy", f"{why}, after {now:.0f} s")
