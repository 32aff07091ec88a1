"""A slot starts on the images with which its version was proven, whatever their names have come to mean.

A name such as shop:1.6.8 moves when it is built, pulled or tagged anew. It is given back to the proven image
before a container is started by it (docs/decisions/0063).
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from toolkit.engine.compose import Compose
from toolkit.engine.images import ImageFacts, plain_id
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.files import releases_file
from toolkit.project import Project
from toolkit.state.releases import Image, Releases


class Gone(Refused):
    """The image with which a version was proven is not to be had any more."""


class OtherImage(Failed):
    """A container has been started with another image than the proven one."""


class Astray(Struct, frozen=True):
    """A name of the compose file that is not the image with which a version was proven.

    `now` is the image that has the name; None: none has it. `is_lent`: it runs by an older name, because a
    release has left its service unchanged.
    """

    name: str
    version: str
    wanted: Image
    now: ImageFacts | None
    is_lent: bool = False

    @property
    def state(self) -> str:
        now = f"another image by now ({short(self.now.id)})" if self.now else "not here any more"
        return f"{self.name} is {now}"


def known(project: Project) -> Releases:
    """Empty, with a warning, where the file cannot be used: that must not keep people from coming back."""
    try:
        return releases_file.read(project.state_dir)
    except Failed as error:
        project.ui.warn(f"with which images versions were proven is not known: {error.line}")
        return Releases()


def astray(project: Project, found: Compose, services: Iterable[str], version: str) -> Iterator[Astray]:
    """The names of these services' images that are not, or not any more, what `version` was proven with."""
    release = known(project).of(version)
    told = set()
    for service in services:
        wanted = release.image_of(service) if release else None
        name = found.image(service) if service in found.services else ""
        if release is None or wanted is None or not name or (name, wanted.id) in told:
            continue
        told.add((name, wanted.id))
        now = project.engine.image_facts(name)
        if now is None or not is_of(now, wanted):
            yield Astray(name, version, wanted, now, is_lent=now is None and service in release.unchanged)


def check(project: Project, found: Compose, services: Iterable[str], version: str, next: str) -> None:
    """Raises Gone where a proven image is gone for good. `next` is the command to run then."""
    for each in astray(project, found, services, version):
        _check_name(each, next)
        if not (each.wanted.digests or project.engine.has_image(each.wanted.id)):
            raise _gone(each, "no registry is known to have it", next)


def hold(project: Project, found: Compose, services: Iterable[str], version: str) -> list[str]:
    """Gives names back to the images that were proven. Returns a note for each. Raises Gone."""
    again = f"bgctl rollback, then: bgctl deploy {version}"
    return [settle(project, each, again) for each in astray(project, found, services, version)]


def settle(project: Project, each: Astray, next: str) -> str:
    """Gives one name back. Returns a note. Raises Gone, with `next`, where it cannot."""
    _check_name(each, next)
    how = ""
    if project.engine.has_image(each.wanted.id):
        project.engine.tag(each.wanted.id, each.name)
        if each.is_lent:
            return f"{each.name} is the image that runs on"
    else:
        how = f", pulled as {_pull(project, each, next)}"
    return f"{each.state.replace(' is ', ' was ', 1)}, and is again the one that was proven{how}"


def _pull(project: Project, each: Astray, next: str) -> str:
    """Pulls the proven image by a digest, and returns that."""
    if not each.wanted.digests:
        raise _gone(each, "no registry is known to have it", next)
    failure: BgctlError | None = None
    for digest in each.wanted.digests:
        try:
            project.engine.pull(digest)
        except Failed as error:
            failure = failure or error
            continue
        project.engine.tag(digest, each.name)
        return digest
    assert failure
    raise _gone(each, str(failure), failure.next or next)


def verify(project: Project, services: Iterable[str], version: str) -> None:
    """Raises OtherImage where one that was just started runs another image all the same."""
    release, there = known(project).of(version), project.engine.containers()
    for name in services:
        wanted, container = release.image_of(name) if release else None, there.get(name)
        if wanted is None or container is None or not container.image_id:
            continue
        runs = plain_id(container.image_id)
        facts = None if runs == wanted.id else project.engine.image_facts(runs)
        if facts and not is_of(facts, wanted):
            what = f"{name} runs another image than {version} was proven with"
            why = f"{short(runs)}, not {short(wanted.id)}: its start has pulled, built or found another one"
            mend = f"see that no pull_policy stands in {project.compose_path.name}, then run it again"
            raise OtherImage(what, why, mend)


def is_kept(project: Project, name: str) -> bool:
    """Whether the image that was proven under this name is here, though perhaps without the name."""
    wanted = _named(project, name)
    return wanted is not None and project.engine.has_image(wanted.id)


def fetch(project: Project, name: str) -> bool:
    """Whether the image that was proven under this name was pulled by its digest. Then it has the name."""
    wanted = _named(project, name)
    if wanted is None or not wanted.digests:
        return False
    try:
        _pull(project, Astray(name, "", wanted, None), "")
    except BgctlError:
        return False
    return True


def is_of(facts: ImageFacts, wanted: Image) -> bool:
    """Whether this is the image that was proven: by its id, or, in another store, by its digest."""
    return facts.id == wanted.id or bool(set(facts.digests or []) & set(wanted.digests))


def short(image_id: str) -> str:
    """An id as engines show it in their lists."""
    return image_id[:12]


def _named(project: Project, name: str) -> Image | None:
    try:
        return releases_file.read(project.state_dir).named(name)
    except Failed:
        return None


def _check_name(each: Astray, next: str) -> None:
    """Another name than was proven is not taken from another image that has it."""
    if each.now and each.name != each.wanted.name:
        why = f"that was {each.wanted.name} ({short(each.wanted.id)}), and this is {short(each.now.id)}"
        raise Gone(f"{each.version} was not proven with {each.name}", why, next)


def _gone(each: Astray, why: str, next: str) -> Gone:
    what = f"the image {short(each.wanted.id)} with which {each.version} was proven is gone"
    return Gone(what, f"{each.state}, and {why}", next)
