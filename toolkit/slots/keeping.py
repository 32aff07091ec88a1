"""Keeps the last log lines of a slot's container before it is removed or replaced."""

from toolkit.engine import log_tail
from toolkit.engine.container import Container
from toolkit.errors import BgctlError
from toolkit.files import kept_logs
from toolkit.health.image_proof import says, tag
from toolkit.project import Project
from toolkit.values import SLOTS, is_version, stamp

LINES = 5000  # of each container
BYTES = 1024 * 1024  # of each container
PATIENCE = 10.0  # seconds for the engine to read a log
UNKNOWN = "unknown"  # the version of a container of which nothing says one


def keep(project: Project, container: Container) -> None:
    """Writes what `bgctl logs VERSION` shows. Only warns where it cannot: no release waits for a log."""
    most = project.config.project.kept_logs
    if not most:
        return
    service = container.service
    argv = project.engine.commands.logs(container.id, LINES, "--timestamps")
    try:
        said = log_tail.read(argv, BYTES, PATIENCE)
        if not said:
            return
        version = version_of(project, container)
        kept_logs.write(project.state_dir, version, service, stamp(project.now()), said)
        kept_logs.remove(kept_logs.surplus(kept_logs.known(project.state_dir), most))
    except BgctlError as error:
        project.ui.warn(f"the log of {service} is not kept: {error}")


def version_of(project: Project, container: Container) -> str:
    """The version that a slot's container runs, by the name of its image or else by the state."""
    image, now = container.config.image, project.state_if_readable()
    own: str | None = None
    named: list[str | None] = []
    if now:
        slot = next((slot for slot in SLOTS if f"-{slot}" in container.service), "blue")
        own = now.slots[slot].version
        named = [own, *((now.deployment.new, now.deployment.old) if now.deployment else ())]
    if said := [version for version in named if version and says(image, version)]:
        return said[0]
    by_name = tag(image)
    has_name = by_name != "latest" and is_version(by_name)
    return by_name if has_name else own or UNKNOWN
