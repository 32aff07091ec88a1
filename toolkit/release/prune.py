"""`bgctl prune`: removes images and logs of versions that have been gone for long, and of no one else.

Only names that state/releases.json has, while they still mean the image that was proven; and never an image
that some container was started from.
"""

from collections.abc import Iterator

from msgspec import Struct

from toolkit.engine.container import ONE_SHOT, Container
from toolkit.errors import BgctlError
from toolkit.files import kept_logs, releases_file
from toolkit.project import Project
from toolkit.release.rollback import version_before
from toolkit.slots import kept_files, proven
from toolkit.state.releases import Image, Releases

KEEP = 5  # versions


class Removed(Struct, frozen=True):
    """What was removed, or would be: an image, container, log, or files for old pages.

    `left` says why it stays all the same.
    """

    version: str
    kind: str
    name: str
    left: str = ""


class Report(Struct, frozen=True, rename="camel"):
    """`freed` are bytes, as the engine rounds them; None: it does not say, or nothing was removed."""

    kept: list[str]
    removed: list[Removed]
    left: list[Removed]
    freed: float | None = None
    dry_run: bool = False


def run(project: Project, keep: int = KEEP, dry_run: bool = False) -> Report:
    with project.change("prune", dry_run):
        return _prune(project, keep, dry_run)


def _prune(project: Project, keep: int, dry_run: bool) -> Report:
    known = releases_file.read(project.state_dir)
    kept = kept_versions(project, known, keep)
    done = [*_containers(project, kept, dry_run)]
    gone = {each.name for each in done if not each.left}
    old = list(_old_images(known, kept))
    before = None if dry_run or not old else project.engine.images_size()
    done += [
        _remove(project, version, image, gone, dry_run) for version, image in old if _is_there(project, image)
    ]
    done += _logs(project, kept, dry_run)
    done += _files(project, dry_run)
    removed = [each for each in done if not each.left]
    after = project.engine.images_size() if before is not None and removed else None
    freed = None if before is None or after is None else max(0.0, before - after)
    return Report(kept, removed, [each for each in done if each.left], freed, dry_run)


def kept_versions(project: Project, known: Releases, keep: int) -> list[str]:
    """The last that were proven, those in service and in a release, and the one before; the newest first."""
    now = project.state()
    release = now.deployment
    needed = [
        now.slots.green.version,
        now.slots.blue.version,
        release and release.new,
        release and release.old,
    ]
    needed.append(version_before(project))
    latest = [each.version for each in known.last]
    wanted = {version for version in needed if version} | set(latest[:keep])
    others = sorted(wanted - set(latest))
    return [*[version for version in latest if version in wanted], *others]


def _old_images(known: Releases, kept: list[str]) -> Iterator[tuple[str, Image]]:
    """Each name that no kept version has. Of an image that has other names, too, only this name will go."""
    lasting = [last for version in kept if (last := known.of(version))]
    names = {image.name for release in lasting for image in release.images}
    told: set[tuple[str, str]] = set()
    for release in known.releases:
        for image in release.images:
            if (image.name, image.id) not in told and image.name not in names:
                told.add((image.name, image.id))
                yield release.version, image


def _is_there(project: Project, image: Image) -> bool:
    """Whether the name still means this image. One that was moved is somebody's work since."""
    facts = project.engine.image_facts(image.name)
    return facts is not None and proven.is_of(facts, image)


def _remove(project: Project, version: str, image: Image, gone: set[str], dry_run: bool) -> Removed:
    entry = Removed(version, "image", image.name)
    try:
        users = [name for name in project.engine.image_users(image.id) if name not in gone]
        if users:
            return Removed(version, "image", image.name, f"in use by {', '.join(users)}")
        if not dry_run:
            project.engine.remove_image(image.name)
            for digest in image.digests:  # podman keeps what was pulled by digest under that name as well
                if project.engine.has_image(digest):
                    project.engine.remove_image(digest)
    except BgctlError as error:
        return Removed(version, "image", image.name, str(error))
    return entry


def _containers(project: Project, kept: list[str], dry_run: bool) -> Iterator[Removed]:
    """The stopped containers of one-shots that ran for versions which are not kept."""
    for each in project.engine.all():
        version = each.value(ONE_SHOT)
        if version is None or version in kept or each.state.running:
            continue
        yield _remove_container(project, version, each, dry_run)


def _remove_container(project: Project, version: str, each: Container, dry_run: bool) -> Removed:
    try:
        if not dry_run:
            project.engine.remove_one(each, project.grace(each.service))
    except BgctlError as error:
        return Removed(version, "container", each.service, str(error))
    return Removed(version, "container", each.service)


def _logs(project: Project, kept: list[str], dry_run: bool) -> Iterator[Removed]:
    """The last lines of containers of versions that are not kept."""
    for each in kept_logs.known(project.state_dir):
        if each.version not in kept:
            left = ""
            try:
                kept_logs.remove([] if dry_run else [each])
            except BgctlError as error:
                left = str(error)
            yield Removed(each.version, "log", each.path.name, left)


def _files(project: Project, dry_run: bool) -> Iterator[Removed]:
    """What was kept for old pages of more versions, or of larger ones, than bgctl.toml has room for."""
    for each in kept_files.surplus(project):
        left = ""
        try:
            kept_files.forget(project, [] if dry_run else [each])
        except (BgctlError, OSError) as error:
            left = str(error)
        yield Removed(each.kept.version, "files", each.service, left)
