"""How much of a slot is up: with replicas it serves for as long as one container of each service does."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from toolkit.config.members import Member
from toolkit.engine import container_health
from toolkit.health.cause import Trouble
from toolkit.project import Project
from toolkit.slots.services import checks, containers
from toolkit.slots.trouble import explained, look, trouble

AT_ONCE = 8  # containers that are looked at together: one that hangs must not keep the others waiting


class Standing(Struct, frozen=True):
    """The first `trouble` of a slot, or None. `partly` is "2 of 3 up" where it serves in spite of that."""

    trouble: Trouble | None = None
    partly: str = ""


def standing(project: Project, slot: str, version: str) -> Standing:
    """Looks at every container of a slot. One without replicas is up as a whole, or down."""
    members = containers(project, slot)
    if all(each.service.replicas == 1 for each in members):
        return Standing(trouble(project, slot, version))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda each: _trouble(project, each, version), members))
    by_service: dict[str, list[Trouble | None]] = defaultdict(list)
    for member, each in zip(members, found, strict=True):
        by_service[member.name].append(each)
    worst = max(by_service.values(), key=lambda each: sum(map(bool, each)) / len(each))
    wrong = [each for each in worst if each]
    if not wrong:
        return Standing()
    up = len(worst) - len(wrong)
    return Standing(wrong[0], f"{up} of {len(worst)} up" if up else "")


def _trouble(project: Project, member: Member, version: str) -> Trouble | None:
    name = member.compose
    if member.service.worker:
        problem = container_health.fault(project.engine.look(name))
        return Trouble(f"{name}: {problem}") if problem else None
    for check in [each for of, each in checks(project, member.slot) if of == name]:
        if found := look(project, name, check, version):
            return explained(project, name, check, found)
    return None
