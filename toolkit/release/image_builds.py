"""Builds images where the compose file says how: for a release, and missing ones when the stack starts."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from toolkit import slots
from toolkit.engine import build_context
from toolkit.engine.compose import Compose
from toolkit.errors import BgctlError, Refused, together
from toolkit.project import Project
from toolkit.release import needs, one_shot


def missing(project: Project, found: Compose, services: Iterable[str]) -> list[str]:
    """The services whose images are not here and can be built; of several with the same image only one."""
    wanted: dict[str, str] = {}
    for name in services:
        image = found.image(name)
        # An image without a name is made by the compose command itself.
        if (
            image
            and image not in wanted
            and found.services[name].build
            and not (project.engine.has_image(image) or slots.is_kept(project, image))
        ):
            wanted[image] = name
    return list(wanted.values())


def make(project: Project, found: Compose, services: list[str], env: Mapping[str, str]) -> str:
    """Builds the images of these services. Returns a note. `env` is what `found` was read with."""
    project.engine.build(services, env, project.ui.progress)
    return f"built {', '.join(dict.fromkeys(found.image(name) for name in services))}"


def provide(project: Project, found: Compose, service: str, env: Mapping[str, str]) -> None:
    """Pulls or builds a service's image where it is not here. Raises Refused, or Failed."""
    builds = bool(found.services[service].build)  # one of bgctl's own has been made, or was warned of
    slots.check_images(project, found, [service], pull=True, env=env, builds=builds)
    if wanted := missing(project, found, [service]):
        make(project, found, wanted, env)


def before_start(
    project: Project,
    found: Compose,
    services: list[str],
    version: str,
    rest: bool,
    well: Callable[[], set[str]],
) -> list[str]:
    """The services, and those that they need, whose images are missing and can be built before a start.

    Services that are `well` are left out; that is asked only where something is missing, for it looks at all
    that runs. One-shots run at `rest` only: within a release both versions have been at work.
    """
    there = project.engine.containers()
    needed = needs.plan(project, found, services)
    lasting = [each.service for each in needed if not each.one_shot and each.service not in there]
    ahead = [each.service for each in needed if each.one_shot] if rest else []
    once = [name for name in ahead if not one_shot.has_run(project, name, version)]
    if not missing(project, found, [*services, *lasting, *once]):
        return []
    spared = well()
    return missing(project, found, [*[name for name in services if name not in spared], *lasting, *once])


def check_context(project: Project, found: Compose, services: Iterable[str]) -> None:
    """Raises Refused where a build would take keys along: they would be in the image."""
    if wrong := list(_leaks(project, found, set(services))):
        raise together(wrong)


def _leaks(project: Project, found: Compose, services: set[str]) -> Iterator[BgctlError]:
    if not (project.keys_dir.is_dir() and any(project.keys_dir.iterdir())):
        return
    built = {name: each for name, each in found.services.items() if name in services}
    for each in build_context.exposed(Compose(built), project.root):
        if project.keys_dir.name in each.names:
            yield Refused(each.what, each.why, each.mend)


def of_what_is_here(project: Project, found: Compose, services: Iterable[str]) -> str:
    """The warning about a build of a version that has served already."""
    images = ", ".join(found.image(name) for name in services)
    return f"{images}: not here any more, and built of the code in {project.root}, whichever version that is"
