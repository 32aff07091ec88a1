"""The stories of a project, with what users saw and which logs are kept: from the files below state/."""

from difflib import get_close_matches

from msgspec.structs import replace

from toolkit.clients import sample
from toolkit.errors import Refused
from toolkit.files import history, kept_logs, samples_file
from toolkit.observe import seen, story
from toolkit.observe.story import Story
from toolkit.project import Project


def stories(project: Project) -> list[Story]:
    """All of them, the oldest first, without what users saw: that is read for those that are shown."""
    now = project.state_if_readable()
    current = now.deployment.id if now and now.deployment else None
    return story.stories(history.read(project.history_path), current)


def of_version(project: Project, version: str) -> list[Story]:
    """The releases of one version, the oldest first. Raises Refused where there is none."""
    every = [each for each in stories(project) if each.new]
    if found := [each for each in every if each.new == version]:
        return found
    names = list(dict.fromkeys(str(each.new) for each in reversed(every)))
    near = get_close_matches(version, names, n=1) or names[:1]
    why = f"there are {', '.join(names[:8])}" if names else "nothing has been released yet"
    next = f"bgctl history {near[0]}" if near else "bgctl deploy VERSION"
    raise Refused(f"no release of {version} is in the history", why, next)


def complete(project: Project, told: Story) -> Story:
    """With what users saw, and the versions of which there are logs."""
    if not told.new:
        return told
    lines = samples_file.read(project.state_dir, told.release) if told.release else []
    there = kept_logs.versions(kept_logs.known(project.state_dir))
    logs = tuple(version for version in (told.old, told.new) if version in there)
    return replace(told, seen=seen.of(sample.read(lines), told.old, told.new), logs=logs)
