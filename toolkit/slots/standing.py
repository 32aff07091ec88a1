"""How much of a slot is up: it serves for as long as one container of each service does.

There are several with replicas, and on several hosts.
"""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from toolkit.config.members import Member
from toolkit.engine import container_health
from toolkit.health.cause import Trouble
from toolkit.health.check import Check
from toolkit.project import Project
from toolkit.slots.services import checks, containers
from toolkit.slots.trouble import explained, look, trouble

AT_ONCE = 8  # containers that are looked at together: one that hangs must not keep the others waiting


class Standing(Struct, frozen=True):
    """The first `trouble` of a slot, or None. `partly` is "2 of 3 up" where it serves in spite of that."""

    trouble: Trouble | None = None
    partly: str = ""


def standing(project: Project, slot: str, version: str) -> Standing:
    """Looks at every container of a slot, on every host. One with one of each is up as a whole, or down."""
    parts = _parts(project, slot)
    if len(parts) == len({member.name for member, _ in parts}):
        return Standing(trouble(project, slot, version))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda each: _trouble(project, version, *each), parts))
    by_service: dict[str, list[Trouble | None]] = defaultdict(list)
    for (member, _), each in zip(parts, found, strict=True):
        by_service[member.name].append(each)
    worst = max(by_service.values(), key=lambda each: sum(map(bool, each)) / len(each))
    wrong = [each for each in worst if each]
    if not wrong:
        return Standing()
    up = len(worst) - len(wrong)
    return Standing(wrong[0], f"{up} of {len(worst)} up" if up else "")


def _parts(project: Project, slot: str) -> list[tuple[Member, Check | None]]:
    """The containers of a slot, each with its check; a worker has none, and stands for those of all hosts."""
    own: dict[str, list[Check | None]] = defaultdict(list)
    for name, check in checks(project, slot):
        own[name].append(check)
    return [(each, check) for each in containers(project, slot) for check in own.get(each.compose, [None])]


def _trouble(project: Project, version: str, member: Member, check: Check | None) -> Trouble | None:
    name = member.compose
    if check is None:
        problem = container_health.fault(project.engine.look(name))
        return Trouble(f"{name}: {problem}") if problem else None
    found = look(project, name, check, version)
    return explained(project, name, check, found) if found else None
