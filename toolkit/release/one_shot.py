"""Runs a one-shot service, such as a migration, to its end, once for each version.

Its container stays, and shows later that it has run: by the version in its environment, its exit code and
its image.
"""

from toolkit.engine.container import ONE_SHOT, Container
from toolkit.errors import AGAIN, Failed
from toolkit.project import Project
from toolkit.slots import proven


def image_of(project: Project, service: str, version: str) -> str:
    """The image that it runs for a version, whether its name has CURRENT_VERSION or VERSION in it."""
    return project.engine.compose(project.env_of(version)).image(service)


def has_run(project: Project, service: str, version: str) -> bool:
    """Whether it has ended well for this version, with the image that has this name today.

    What plain compose has run of the same image counts, too: so was the data of an adopted version migrated.
    For a version that was brought back it counts as run: newer ones have been at work on the data since.
    """
    if returned(project, version):
        return True
    there = [*_of(project, service, version), *_plain(project, service)]
    ended = [each for each in there if _ended(each) and not each.state.exit_code]
    if not ended:
        return False
    image = project.engine.image_id(image_of(project, service, version))
    return not image or any(_digest(each.image_id) == _digest(image) for each in ended)


def returned(project: Project, version: str) -> bool:
    """Whether `bgctl rollback --to` has brought this version back."""
    last = proven.known(project).of(version)
    return last is not None and last.returned


def why_not(project: Project, version: str) -> str:
    """The line in place of a one-shot that `has_run`."""
    if returned(project, version):
        return f"not run: {version} is brought back, and lives with the data as newer versions left it"
    return f"has run for {version}"


def run(project: Project, service: str, version: str) -> str:
    """Returns a note. Raises Failed with its last lines when it fails, or does not end in time.

    One that a killed bgctl has left running is waited for, and not started a second time.
    """
    begun = [each for each in _of(project, service, version) if not _ended(each)]
    if not begun:
        _forget(project, service, version)
        project.engine.run_once(service, version, project.env_of(version))
    try:
        ended = _wait(project, service, version)
    except KeyboardInterrupt:
        _end(project, service, version)
        raise
    if ended.state.exit_code:
        why = f"it ended with exit code {ended.state.exit_code}"
        raise Failed(f"{service} failed for {version}", why, AGAIN, project.engine.log_of(ended))
    return f"has run for {version}"


def _wait(project: Project, service: str, version: str) -> Container:
    """The container, which has ended. Raises Failed when it takes too long."""
    health = project.config.health
    for _ in project.clock.every(health.interval, within=health.one_shot_timeout):
        now = _newest(project, service, version)
        if _ended(now):
            return now
        project.ui.progress(f"{service} runs for {version}")
    raise _too_long(project, service, version, now)


def _of(project: Project, service: str, version: str) -> list[Container]:
    return [each for each in project.engine.one_shots(service) if each.value(ONE_SHOT) == version]


def _plain(project: Project, service: str) -> list[Container]:
    """The containers that plain compose has started of it."""
    return [each for each in project.engine.all() if each.service == service and not each.one_off]


def _newest(project: Project, service: str, version: str) -> Container:
    found = _of(project, service, version)
    if not found:
        raise Failed(f"{service} failed for {version}", "its container is gone", AGAIN)
    return found[-1]


def _ended(each: Container) -> bool:
    return not each.state.running and each.state.status not in ("created", "restarting")


def _forget(project: Project, service: str, version: str) -> None:
    """Removes the containers of versions to which there is no way back, and of an earlier try at this one."""
    now = project.state() if project.adopted else None
    kept = {now.slots.blue.version, now.slots.green.version} - {version} if now else set()
    for each in project.engine.one_shots(service):
        if each.value(ONE_SHOT) not in kept:
            project.engine.remove_one(each, project.grace(service))


def _too_long(project: Project, service: str, version: str, now: Container) -> Failed:
    """Removes its container, or an orderly exit after SIGTERM would pass for the end of its work."""
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
