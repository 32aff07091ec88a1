"""Gives the images that run today the names under which blue starts: nothing is built, blue is what runs."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from toolkit.engine.compose import Compose
from toolkit.engine.container import Container
from toolkit.engine.images import plain_id
from toolkit.errors import Refused, together
from toolkit.project import Project
from toolkit.slots.proven import short


class Tag(Struct, frozen=True):
    """`image` is the id of what `service` runs today, `name` how blue calls it."""

    service: str
    image: str
    name: str


def wanted(project: Project, found: Compose, old: Iterable[Container]) -> list[Tag]:
    """One for each name. Warns where services that share a name run different images."""
    tags: dict[str, Tag] = {}
    running = {each.service: each for each in old}
    for member in project.config.members("blue"):
        if member.number > 1 or member.name not in running or member.compose not in found.services:
            continue
        tag = Tag(member.name, plain_id(running[member.name].image_id), found.image(member.compose))
        first = tags.setdefault(tag.name, tag)
        if first.image != tag.image:
            why = f"both are built alike, and blue has {short(first.image)} for both"
            project.ui.warn(f"{tag.service} runs another image than {first.service} does: {why}")
    return list(tags.values())


def check(project: Project, tags: Sequence[Tag]) -> None:
    """Raises Refused where another image has a name that blue needs."""
    faults = []
    for tag in tags:
        now = plain_id(project.engine.image_id(tag.name))
        if now and now != tag.image:
            what = f"{tag.name} is another image ({short(now)}) than {tag.service} runs ({short(tag.image)})"
            why = "blue has to be what runs, and starts by that name"
            retag = f"{project.engine.name} tag {short(tag.image)} {tag.name}"
            mend = f"{retag}   (the other one loses it), or write another CURRENT_VERSION into the env file"
            faults.append(Refused(what, why, mend))
    if faults:
        raise together(faults)


def absent(project: Project, tags: Sequence[Tag]) -> list[Tag]:
    return [tag for tag in tags if not project.engine.has_image(tag.name)]


def give(project: Project, tags: Sequence[Tag]) -> str:
    for tag in absent(project, tags):
        project.engine.tag(tag.image, tag.name)
    return ", ".join(f"{tag.name} is what {tag.service} runs ({short(tag.image)})" for tag in tags)


def take(project: Project, names: Iterable[str]) -> None:
    """Takes names back that an adoption has given. The images stay: what runs has them."""
    for name in names:
        if project.engine.has_image(name):
            project.engine.remove_image(name)
