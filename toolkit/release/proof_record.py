"""Notes in state/releases.json with which images a version was proven."""

from collections.abc import Iterable

from toolkit import slots
from toolkit.config import SLOTS
from toolkit.engine.compose import Compose
from toolkit.engine.container import ONE_SHOT
from toolkit.engine.images import digests_of
from toolkit.errors import BgctlError
from toolkit.files import releases_file
from toolkit.files.atomic import NotSynced
from toolkit.project import Project
from toolkit.release import needs
from toolkit.release.steps import Step
from toolkit.slots import proven
from toolkit.state.releases import Image, Release, Releases
from toolkit.values import stamp


def note(project: Project, slot: str, version: str, generation: int) -> None:
    """A slot has been proven to be `version`: what its containers run is what the version is."""
    found = project.engine.compose(project.env_of(version))
    images = _images(project, slot, version, found)
    before = proven.known(project)
    last = before.of(version)
    returned = last is not None and last.returned
    new = Release(version, stamp(project.now()), generation, images, returned)
    if images:
        save(project, before.noted(new))


def note_first(project: Project, slot: str, version: str, generation: int) -> None:
    """As `note`, of a version of which nothing is known yet. Only warns of a failure: people are served."""
    if proven.known(project).of(version) is not None:
        return
    try:
        note(project, slot, version, generation)
    except BgctlError as error:
        project.ui.warn(f"with which images {version} runs is not noted: {error.line}")


def mark(project: Project, version: str, returned: bool) -> None:
    """Whether this release of a version brings it back: then its migrations do not run."""
    before = proven.known(project)
    last = before.of(version)
    if last is not None and last.returned != returned:
        save(project, before.marked(version, returned))


def one_shots(project: Project, version: str) -> list[str]:
    """The one-shots that run before a version starts."""
    found = project.engine.compose(project.env_of(version))
    return _one_shots(project, found, slots.names(project, "green"))


def hold(project: Project, found: Compose, services: Iterable[str], version: str) -> list[Step]:
    """A step that gives names back to the images that were proven; no step where they are as they were."""
    services = list(services)
    moved = [each.name for each in proven.astray(project, found, services, version)]
    if not moved:
        return []
    return [
        Step(
            name="images",
            what=f"have {', '.join(moved)} as proven: the name has moved since",
            do=lambda: "; ".join(proven.hold(project, found, services, version)),
            needed=lambda: any(proven.astray(project, found, services, version)),
        )
    ]


def save(project: Project, new: Releases) -> None:
    try:
        releases_file.write(project.state_dir, new)
    except NotSynced as error:
        project.ui.warn(str(error))


def _images(project: Project, slot: str, version: str, found: Compose) -> tuple[Image, ...]:
    """Those of the slot first: where both slots' images have one name, they are the same image."""
    other = next(each for each in SLOTS if each != slot)
    running = slots.names(project, slot)
    ids = {name: each.image_id for name, each in project.engine.containers().items() if name in running}
    once = _one_shots(project, found, running)
    ids |= {name: image_id for name in once if (image_id := _of_one_shot(project, name, version))}
    images: dict[str, Image] = {}
    for service in [*running, *slots.names(project, other), *once]:
        name = found.image(service) if service in found.services else ""
        if not name:
            continue
        known = images.get(name)
        services = (*known.services, service) if known else (service,)
        facts = None if known else project.engine.image_facts(ids.get(service) or name)
        if known:
            images[name] = Image(name, known.id, services, known.digests)
        elif facts:
            images[name] = Image(name, facts.id, services, tuple(digests_of(name, facts)))
    return tuple(images.values())


def _one_shots(project: Project, found: Compose, services: list[str]) -> list[str]:
    try:
        return [each.service for each in needs.plan(project, found, services) if each.one_shot]
    except BgctlError:
        return []  # what is wrong there is told by those who start something


def _of_one_shot(project: Project, service: str, version: str) -> str:
    """The id of the image with which it ran for a version; "": it did not."""
    ran = [each for each in project.engine.one_shots(service) if each.value(ONE_SHOT) == version]
    return ran[-1].image_id if ran else ""
