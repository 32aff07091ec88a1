"""What will be otherwise for people once blue has taken over, and is told before."""

from collections.abc import Iterable

from toolkit import slots
from toolkit.adopt import holders
from toolkit.adopt.holders import Holder
from toolkit.engine.container import Container
from toolkit.files.env_file import VERSIONS
from toolkit.project import Project

OURS = ("BGCTL_", *VERSIONS)  # what these begin with belongs to a release


def tell_lost(project: Project, holder: Holder) -> None:
    """Warns of addresses that are lost, and of a holder that is no app."""
    for line in holders.narrower(holder, slots.public(project)):
        project.ui.warn(line)
    if holder.name not in project.config.slotted:
        why = "what it does beside passing requests on is the proxy's from now on, or is gone"
        project.ui.warn(f"{holder.name} goes, and bgctl's proxy has its port: {why}")


def compare(project: Project, old: Iterable[Container]) -> str:
    """Warns of variables that have another value in blue: the files have changed since what runs was started.

    Their values are not shown.
    """
    there, found = project.engine.containers(), []
    blue = {each.name: each.compose for each in project.config.members("blue") if each.number == 1}
    for each in old:
        if new := there.get(blue.get(each.service, "")):
            found += [f"{name} of {each.service}" for name in different(each, new)]
    if not found:
        return "blue has the environment of what runs"
    names = ", ".join(dict.fromkeys(found))
    project.ui.warn(f"{names}: blue has another value than what runs; the files have changed since")
    return "blue has another environment"


def different(old: Container, new: Container) -> list[str]:
    before, after = _variables(old), _variables(new)
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _variables(container: Container) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in container.config.env or [])
    return {name: value for name, _, value in pairs if not name.startswith(OURS)}
