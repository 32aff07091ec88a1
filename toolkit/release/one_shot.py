"""Runs a one-shot, such as a migration: to its end, once for each version.

That it has run is told by its container, which stays: the version in its environment, its exit code and its
image.
"""

import time

from toolkit.engine.container import ONE_SHOT, Container
from toolkit.errors import AGAIN, Failed
from toolkit.project import Project


def image_of(project: Project, service: str, version: str) -> str:
    """The name of the image that it runs for a version, whichever of the two variables that is made of."""
    return project.engine.compose(project.compose_env(version, version)).image(service)


def has_run(project: Project, service: str, version: str) -> bool:
    """Whether it has ended well for this version, with the image that has this name today."""
    ended = [each for each in _of(project, service, version) if _ended(each) and not each.state.exit_code]
    if not ended:
        return False
    image = project.engine.image_id(image_of(project, service, version))
    return not image or any(_digest(each.image_id) == _digest(image) for each in ended)


def run(project: Project, service: str, version: str) -> str:
    """Returns a note. Raises Failed with its last lines when it fails, or does not end in time.

    One that a bgctl has left behind half-way, because it was killed, is waited for and not started twice.
    """
    begun = [each for each in _of(project, service, version) if not _ended(each)]
    if not begun:
        _forget(project, service, version)
        project.engine.run_once(service, version, project.compose_env(version, version))
    start = time.monotonic()
    try:
        while not _ended(now := _newest(project, service, version)):
            project.ui.progress(f"{service} runs for {version}")
            if time.monotonic() - start >= project.config.health.one_shot_timeout:
                raise _too_long(project, service, version, now)
            time.sleep(project.config.health.interval)
    except KeyboardInterrupt:
        _end(project, service, version)
        raise
    if now.state.exit_code:
        why = f"it ended with exit code {now.state.exit_code}"
        raise Failed(f"{service} failed for {version}", why, AGAIN, project.engine.log_of(now))
    return f"has run for {version}"


def _of(project: Project, service: str, version: str) -> list[Container]:
    return [each for each in project.engine.one_shots(service) if each.value(ONE_SHOT) == version]


def _newest(project: Project, service: str, version: str) -> Container:
    found = _of(project, service, version)
    if not found:
        raise Failed(f"{service} failed for {version}", "its container is gone", AGAIN)
    return found[-1]


def _ended(each: Container) -> bool:
    return not each.state.running and each.state.status not in ("created", "restarting")


def _forget(project: Project, service: str, version: str) -> None:
    """Removes what is known of versions that nobody can go back to, and of an earlier try at this one."""
    now = project.state() if project.state_path.exists() else None
    kept = {now.slots.blue.version, now.slots.green.version} - {version} if now else set()
    for each in project.engine.one_shots(service):
        if each.value(ONE_SHOT) not in kept:
            project.engine.remove_one(each, project.grace(service))


def _too_long(project: Project, service: str, version: str, now: Container) -> Failed:
    """Removed, so that an orderly exit code does not pass for the end of its work."""
    log = project.engine.log_of(now)
    _end(project, service, version)
    limit = project.config.health.one_shot_timeout
    why = f"it had not ended after {limit.nginx}, and was stopped"
    mend = f"{AGAIN}; if it needs longer: [health] one_shot_timeout in bgctl.toml"
    return Failed(f"{service} hangs for {version}", why, mend, log)


def _end(project: Project, service: str, version: str) -> None:
    for each in _of(project, service, version):
        project.engine.remove_one(each, project.grace(service))


def _digest(image_id: str) -> str:
    return image_id.removeprefix("sha256:")
