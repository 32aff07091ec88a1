"""Starts a compose service, and notes with which settings."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from toolkit.drift import fingerprints, settings
from toolkit.engine.container import Container
from toolkit.errors import BgctlError
from toolkit.files import started_file
from toolkit.project import Project
from toolkit.state.started import Started


def up(
    project: Project,
    name: str,
    env: Mapping[str, str],
    grace: float | None = None,
    keep: Callable[[Container], object] | None = None,
) -> None:
    """Starts it anew. What cannot be noted is not known later on, and keeps nothing from starting.

    The old container has `grace` seconds to stop, by default its own; then `keep` is given it.
    """
    project.engine.up(name, env, project.grace(name) if grace is None else grace, keep)
    with suppress(BgctlError, OSError):
        note(project, name, env)


def note(project: Project, name: str, env: Mapping[str, str]) -> None:
    """Notes the settings of a container that has just been started with `env`."""
    container = project.engine.containers().get(name)
    if container is None:
        return
    key = started_file.make_key(project.keys_dir)
    now = wanted(project, [name], {name: _version(project, name, env)}, key)
    if name in now:
        here = Started(container.id, now[name].key, now[name].form, now[name].prints)
        known = started_file.read(project.state_dir)
        started_file.write(project.state_dir, {**known, name: here})


def wanted(project: Project, names: list[str], versions: Mapping[str, str], key: bytes) -> dict[str, Started]:
    """What each of these services would be started with now, each with both slots on its version.

    Of a service that the compose file does not have, nothing. Raises what the compose command says.
    """
    found: dict[str, Started] = {}
    for version in dict.fromkeys(versions.values()):
        document = project.engine.document(project.env_of(version))
        services = document.get("services") or {}
        for name in names:
            if versions[name] == version and name in services:
                left_out = by_design(project, name)
                told = settings.of(services[name], document, project.root, version, left_out)
                prints = fingerprints.of(told, key)
                found[name] = Started("", fingerprints.name_of(key), project.engine.form, prints)
    return found


def by_design(project: Project, name: str) -> dict[str, object]:
    """What differs without anybody's doing: green's restart policy, and the user who types bgctl."""
    member = project.config.placed.get(name)
    green = member is not None and member.slot == "green"
    return {"user": project.engine.user, **({"restart": None} if green else {})}


def _version(project: Project, name: str, env: Mapping[str, str]) -> str:
    member = project.config.placed.get(name)
    return env["VERSION"] if member and member.slot == "green" else env["CURRENT_VERSION"]
