"""The images of an older version: as they were proven then, from this machine, or from their registry."""

from msgspec.structs import replace

from toolkit import slots
from toolkit.config import SLOTS
from toolkit.engine import diagnosis
from toolkit.engine.compose import Compose
from toolkit.engine.images import digests_of
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.project import Project
from toolkit.release import proof_record
from toolkit.release.deploy_plan import UNUSED, Plan
from toolkit.release.steps import Step
from toolkit.slots import proven
from toolkit.slots.proven import Astray, Gone
from toolkit.state.releases import Image, Release, dated


def steps(project: Project, plan: Plan) -> list[Step]:
    """Comes before all else: without the images nothing begins."""
    release = proven.known(project).of(plan.version)
    when = f" on {release.at[:10]}" if release else ""
    return [
        Step(
            name="images",
            what=f"have the images of {plan.version} as they were proven{when}",
            do=lambda: bring(project, plan.version),
            needed=lambda: project.state().phase in UNUSED,
            skipped=f"the release of {plan.version} has begun",
        )
    ]


def bring(project: Project, version: str) -> str:
    """Returns a note. Raises Refused, with the versions that could be had, where an image is gone."""
    found = project.compose(project.env_of(version))
    services = [name for slot in SLOTS for name in slots.names(project, slot)]
    astray = list(proven.astray(project, found, services, version))
    try:
        return "; ".join([_bring(project, found, each) for each in astray]) or "they are here"
    except BgctlError as error:
        others = could_be_had(project, version)
        why = f"{error}; {others}" if others else str(error)
        raise Refused(f"{version} cannot be brought back", why, error.next, error.detail) from None


def could_be_had(project: Project, but: str) -> str:
    """The other versions whose images are here, and those whose registries may have them."""
    others = [each for each in proven.known(project).last if each.version != but]
    here = [each for each in others if _is_here(project, each)]
    there = [each for each in others if each not in here and all(image.digests for image in each.images)]
    said = [f"here are {dated(here)}"] * bool(here)
    return "; ".join([*said, *[f"in a registry may be {dated(there)}"] * bool(there)])


def _is_here(project: Project, release: Release) -> bool:
    return all(project.engine.has_image(image.id) for image in release.images)


def _bring(project: Project, found: Compose, each: Astray) -> str:
    next = f"bgctl deploy {each.version}, with its code checked out"
    try:
        return proven.settle(project, each, next)
    except Gone:
        if each.wanted.digests or each.name != each.wanted.name:
            raise
    return _by_name(project, found, each, next)


def _by_name(project: Project, found: Compose, each: Astray, next: str) -> str:
    """Takes what has the name here, or else in its registry: no digest says whether it is the same image."""
    how = "is taken as it is here"
    if each.now is None:
        built = any(service.build for service in found.services.values() if service.image == each.name)
        if built and not diagnosis.registry_of(each.name):
            raise Failed(f"{each.name} is gone", "it was built here, and no registry has it", next)
        project.engine.pull(each.name)
        how = "was pulled by its name"
    facts = project.engine.image_facts(each.name)
    if facts is None:
        raise Failed(f"{each.name} is gone", "it was not there after a pull", next)
    if not proven.is_of(facts, each.wanted):
        project.ui.warn(
            f"{each.name} {how}: its digest is not known, and it is another image "
            f"({proven.short(facts.id)}) than {each.version} was proven with ({proven.short(each.wanted.id)})"
        )
    new = replace(each.wanted, id=facts.id, digests=tuple(digests_of(each.name, facts)))
    _note(project, each, new)
    return f"{each.name} {how}"


def _note(project: Project, each: Astray, new: Image) -> None:
    """From here on it is this image that the version is proven with."""
    before = proven.known(project)
    last = before.of(each.version)
    if last is not None:
        images = tuple(new if image == each.wanted else image for image in last.images)
        proof_record.save(project, before.noted(replace(last, images=images)))
