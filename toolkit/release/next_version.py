"""Which version `bgctl deploy` releases where none is named: the one under way, else what git says."""

import re

from toolkit.engine import git
from toolkit.errors import Failed, Refused
from toolkit.project import Project
from toolkit.values import VERSION

TYPED = "bgctl deploy VERSION"
TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # of an image; a version may have "+" as well
SHOWN = 3  # changed files that are named


def find(project: Project) -> str:
    """Says which it is, and from where. Raises Refused with what to type."""
    now = project.state()
    if now.deployment:
        project.ui.say(f"version {now.deployment.new}, which is under way")
        return now.deployment.new
    version, source = _from_git(project) or _from_env(project, now.slots.blue.version)
    project.ui.say(f"version {version}, from {source}")
    return version


def _from_git(project: Project) -> tuple[str, str] | None:
    """None where there is no repository, or no git."""
    if not git.is_installed():
        return None
    try:
        version = git.describe(project.root)
        if version is None:
            return None
        changed = _changed(project)
    except Failed as error:
        raise Refused("git does not say which version this is", error.why, _mend(error.why)) from None
    if changed:
        files = ", ".join(changed[:SHOWN]) + f" and {len(changed) - SHOWN} more" * (len(changed) > SHOWN)
        what = f"the code is {version} with changes that are not committed"
        raise Refused(what, files, f"git commit, or, to release it as it is: {TYPED}")
    if not (VERSION.fullmatch(version) and TAG.fullmatch(version)):
        why = "an image's tag may have letters, digits, dots, dashes and underscores, 64 of them at most"
        raise Refused(f"{version}, from git describe, can be no version", why, TYPED)
    return version, "git describe"


def _changed(project: Project) -> list[str]:
    """Without the env file, in which bgctl itself writes the versions."""
    found = git.changed(project.root)
    ours = git.place(project.root) + project.config.project.env_file if found else ""
    return [path for path in found if path != ours]


def _from_env(project: Project, blue: str | None) -> tuple[str, str]:
    """Raises Refused where the env file names no other version than the one that runs."""
    version = project.env().get("VERSION")
    if version and version != blue:
        return version, project.env_path.name
    why = f"{project.root} is in no git repository, and {project.env_path.name} names no new VERSION"
    if not git.is_installed():
        why = f"git is not installed, and {project.env_path.name} names no new VERSION"
    raise Refused("no version to release", why, TYPED)


def _mend(said: str) -> str:
    """git names the command itself where a repository belongs to somebody else."""
    advice = re.search(r"git config .*safe\.directory.*", said)
    return f"{advice[0].strip()}, or: {TYPED}" if advice else TYPED
