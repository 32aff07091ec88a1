"""Looks at the versions in the env file: whether they can be read, and whether they are those that run."""

from toolkit.checks.looks import Problems
from toolkit.errors import BgctlError, NotYet, Refused
from toolkit.files import env_file
from toolkit.project import Project


def problems(project: Project) -> Problems:
    """Which versions the env file names, and whether they are those that run."""
    said = yield from readable(project)
    yield from other_version(project)
    return said


def readable(project: Project) -> Problems:
    """Whether the env file can be read, and names a version."""
    if broken := env_file.problems(project.env_path):
        yield from broken[:-1]
        raise broken[-1]  # what needs the file is not looked at then
    values = project.env()
    name, current = project.env_path.name, values.get("CURRENT_VERSION")
    if not current:
        why = "it names the version that runs today; write CURRENT_VERSION=..."
        yield Refused(f"{name} has no CURRENT_VERSION", why, f"edit {name}")
    return f"CURRENT_VERSION {current}, VERSION {values.get('VERSION') or 'not set'}"


def other_version(project: Project) -> Problems:
    """Another version in the env file than blue serves: `up` would not start that one."""
    wanted = current(project)
    if wanted and (blue := _serves(project)) and blue != wanted:
        what = f"CURRENT_VERSION is {wanted} in {project.env_path.name}"
        if project.config.project.engine.several_hosts:
            why = f"blue serves {blue}; its release has written that where it was typed"
            yield NotYet(what, why, f"write CURRENT_VERSION={blue} here, too")
            return ""
        yield Refused(what, f"blue serves {blue}; a new version is a release", f"bgctl up-green {wanted}")
    return ""


def current(project: Project) -> str:
    """CURRENT_VERSION of the env file; "" where there is none, or no telling."""
    try:
        return project.env().get("CURRENT_VERSION", "")
    except BgctlError:
        return ""


def _serves(project: Project) -> str | None:
    """What blue serves at rest; None: nothing has been started, a release is under way, or it is unknown."""
    try:
        now = project.state()
    except BgctlError:
        return None
    return now.slots.blue.version if now.phase == "rest" else None
