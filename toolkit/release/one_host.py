"""A project that comes from one host to several: its state goes along, so that no session loses its way.

Tokens say by which generation they were made (docs/decisions/0023-lineage.md), so a swarm that began with
generation 1, and no lineage, would take those of the host before for new ones.
"""

from contextlib import suppress

from toolkit.checks.looks import Problems
from toolkit.errors import Failed, Refused
from toolkit.files import state_file
from toolkit.project import Project
from toolkit.state.document import State


def is_left(project: Project) -> bool:
    """Whether the folder is a swarm's by now, and has a state.json of before."""
    return project.cluster is not None and project.state_path.exists()


def left(project: Project) -> State | None:
    """What that says. Raises Failed where it cannot be used."""
    return state_file.read(project.state_path) if is_left(project) else None


def problems(project: Project) -> Problems:
    """Why that state cannot be the first one on a swarm: all hosts would begin in the middle of a release.

    Where the swarm has its own, why it must not go: the one host had it later.
    """
    if not is_left(project):
        return ""
    if project.adopted:
        return (yield from _newer(project))
    found = state_file.read(project.state_path)
    where = f"{project.state_path} is of the one host that had this project"
    if found.deployment:
        what = f"a release of {found.deployment.new} is under way there"
        yield Refused(what, where, "bgctl promote, or bgctl rollback, there; then copy its folder again")
        return ""
    blue, wanted = found.slots.blue.version, project.env().get("CURRENT_VERSION", "")
    if blue != wanted:
        what = f"CURRENT_VERSION is {wanted} in {project.env_path.name}, and blue serves {blue}"
        yield Refused(what, where, "copy its folder again")
    return f"generation {found.generation}"


def _newer(project: Project) -> Problems:
    with suppress(Failed):  # what cannot be read is not worth keeping
        left, now = state_file.read(project.state_path), project.state()
        if left.generation > now.generation:
            what = f"{project.state_path} has generation {left.generation}, and the swarm {now.generation}"
            why = "the project has gone on on the one host that it had before"
            next = f"rm {project.state_path}   (goes on with {now.slots.blue.version}, which the swarm has)"
            yield Refused(what, why, next)
    return ""


def forget(project: Project) -> None:
    """From now on the state is in Redis: a file that stays as it is would be believed some day."""
    if is_left(project):
        state_file.remove(project.state_path)
