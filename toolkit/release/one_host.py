"""A project that comes from one host to several: its state goes along, so that no session loses its way.

Tokens say by which generation they were made (docs/decisions/0023-lineage.md), so a swarm that began with
generation 1, and no lineage, would take those of the host before for new ones.
"""

from toolkit.checks.looks import Problems
from toolkit.errors import Refused
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
    """Why that state cannot be the first one on a swarm: all hosts would begin in the middle of a release."""
    found = left(project)
    if found is None:
        return ""
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


def forget(project: Project) -> None:
    """From now on the state is in Redis: a file that stays as it is would be believed some day."""
    if is_left(project):
        state_file.remove(project.state_path)
