"""The last log lines of containers that are gone: those of versions that were replaced or taken back."""

from toolkit.config import SLOTS
from toolkit.errors import Refused
from toolkit.files import kept_logs
from toolkit.files.kept_logs import Kept
from toolkit.observe.logs import Line
from toolkit.project import Project
from toolkit.values import is_version


def is_meant(project: Project, name: str | None) -> bool:
    """Whether a name is a version of which logs are kept. What bgctl.toml names comes first."""
    config = project.config
    if not name or name in (*SLOTS, *config.slotted, *config.compose_services) or not is_version(name):
        return False
    return any(each.version == name for each in kept_logs.known(project.state_dir))


def last(project: Project, version: str, service: str | None, count: int) -> list[Line]:
    """`count` lines of each container of a version that is gone, the oldest first.

    Of `service`, or of all. Raises Refused where nothing is kept of it.
    """
    known = kept_logs.known(project.state_dir)
    found = [each for each in known if each.version == version and service in (None, each.service)]
    if not found:
        raise _nothing(project, version, service, known)
    _say_where_it_runs(project, version)
    lines = []
    for each in found:
        said = [Line.parse(each.service, text) for text in each.lines()]
        lines += said[-count:] if count else []
    return sorted(lines, key=lambda line: line.at)


def _nothing(project: Project, version: str, service: str | None, known: list[Kept]) -> Refused:
    of = f"{service} on {version}" if service else version
    if slot := _slot_of(project, version):
        return Refused(f"no log of {of} is kept", f"it runs in {slot}", f"bgctl logs {slot}")
    versions = kept_logs.versions(known)
    why = f"there are logs of {', '.join(versions)}" if versions else "no slot's container has gone yet"
    if not project.config.project.kept_logs:
        why = "[project] kept_logs is 0"
    next = f"bgctl logs --version {versions[0]}" if versions else "bgctl logs"
    return Refused(f"no log of {of} is kept", why, next)


def _say_where_it_runs(project: Project, version: str) -> None:
    if slot := _slot_of(project, version):
        project.ui.warn(f"these are of containers that are gone; {version} runs in {slot}: bgctl logs {slot}")


def _slot_of(project: Project, version: str) -> str:
    now = project.state_if_readable()
    return next((slot for slot in SLOTS if now and now.slots[slot].version == version), "")
