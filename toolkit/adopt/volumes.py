"""Anonymous volumes of what runs today: neither blue nor any later version would see what is in them."""

import os
import re
from collections.abc import Iterable, Iterator

from toolkit.engine.compose_lines import place
from toolkit.engine.container import Container, Mount
from toolkit.errors import Refused, together
from toolkit.project import Project


def check(project: Project, old: Iterable[Container]) -> None:
    """Raises Refused where one has data in it, with the lines that mount it in both slots."""
    slotted = [each for each in old if each.service in project.config.slotted]
    faults = [_fault(project, each, mount) for each in slotted for mount in with_data(each)]
    if faults:
        raise together(faults)


def with_data(container: Container) -> Iterator[Mount]:
    for mount in container.mounts or []:
        if mount.kind == "volume" and re.fullmatch(r"[0-9a-f]{64}", mount.name) and not is_empty(mount):
            yield mount


def is_empty(mount: Mount) -> bool:
    """False as well where we may not look into it."""
    try:
        return not any(os.scandir(mount.source))
    except OSError:
        return False


def _fault(project: Project, container: Container, mount: Mount) -> Refused:
    service = container.service
    name = f"{service}{mount.target.rstrip('/').replace('/', '-')}"
    where = place(project.compose_files, service, "volumes")
    why = "each version would begin with an empty one; under a name, every version has the data"
    table = f"volumes: {{{name}: {{external: true, name: {mount.name}}}}}"
    mend = f'write volumes: ["{name}:{mount.target}"] there, and at the top: {table}'
    mend += "; or leave it where it is: bgctl adopt --leave-volumes"
    return Refused(f"{where}: {service} has data in an anonymous volume on {mount.target}", why, mend)
