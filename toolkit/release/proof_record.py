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
from toolkit.state.document import Deployment
from toolkit.state.releases import Image, Release, Releases
from toolkit.values import stamp


def note(project: Project, slot: str, version: str, generation: int) -> None:
    """A slot has been proven to be `version`: what its containers run is what the version is."""
    found = project.engine.compose(project.env_of(version))
    images = _images(project, slot, version, found)
    before = proven.known(project)
    last = before.of(version)
    returned = last is not None and last.returned
    left = slots.unchanged_names(project) if slot == "green" else (last and last.unchanged) or ()
    new = Release(version, stamp(project.now()), generation, images, returned, tuple(left))
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
            what=f"have {', '.join(moved)} mean what was proven",
            do=lambda: "; ".join(proven.hold(project, found, services, version)),
            needed=lambda: any(proven.astray(project, found, services, version)),
        )
    ]


def give_up(project: Project, release: Deployment) -> list[Step]:
    """A step after which no image of the old version has a name of the new one any more.

    The promotion gives such names to what the release leaves unchanged. A later release of that version would
    take them for what it asks for.
    """
    if not release.unchanged:
        return []
    return [
        Step(
            name="names",
            what=f"take the name {release.new} from the images of {', '.join(release.unchanged)}",
            do=lambda: _take_names(project, release),
            needed=lambda: bool(_lent_names(project, release)),
            skipped="they have none",
        )
    ]


def _take_names(project: Project, release: Deployment) -> str:
    """Only warns of a failure: people are served, and a release begins with a look at these names."""
    names = _lent_names(project, release)
    for name in names:
        try:
            project.engine.remove_image(name)
        except BgctlError as error:
            project.ui.warn(error.line)
    return f"{', '.join(names)} means nothing any more"


def _lent_names(project: Project, release: Deployment) -> list[str]:
    new, old = (proven.known(project).of(version) for version in (release.new, release.old))
    mine = {new.image_of(service) for service in new.unchanged} if new else set()
    others = {each.name for each in old.images} if old else set()
    lent = {each.name: each for each in mine if each and each.name not in others}
    facts = {name: project.engine.image_facts(name) for name in lent}
    return sorted(name for name, found in facts.items() if found and proven.is_of(found, lent[name]))


def save(project: Project, new: Releases) -> None:
    try:
        releases_file.write(project.state_dir, new)
    except NotSynced as error:
        project.ui.warn(str(error))


def _images(project: Project, slot: str, version: str, found: Compose) -> tuple[Image, ...]:
    """Those of the slot first: where both slots' images have one name, they are the same image.

    Of what the release leaves unchanged, the image that blue runs is the new version's as well.
    """
    started = slots.names(project, slot)
    running = [*started, *(slots.unchanged_names(project) if slot == "green" else [])]
    ids = {name: each.image_id for name, each in project.engine.containers().items() if name in running}
    once = _one_shots(project, found, started)
    ids |= {name: image_id for name in once if (image_id := _of_one_shot(project, name, version))}
    images: dict[str, Image] = {}
    both = [name for each in SLOTS for name in slots.names_of_all(project, each)]
    for service in dict.fromkeys([*running, *both, *once]):
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
