"""Files of versions, kept for pages that are still open when their version has gone ([services.*] assets).

They lie in files/SERVICE/VERSION/ beside the copies of `static` (file_copies.py). The proxy sends nothing
that is not in its list (kept_list.py).
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from toolkit.config.served_folders import Served
from toolkit.engine.container import Container
from toolkit.errors import BgctlError, Failed
from toolkit.files import disk
from toolkit.health import check as health_check
from toolkit.project import Project
from toolkit.slots import asset_answers, file_copies, kept_list, serving
from toolkit.slots.asset_answers import Noted
from toolkit.slots.kept_list import Kept
from toolkit.slots.services import home

NEW = ".new-kept"
MOST = 10_000  # files of a version: the proxy has the names of all that are kept in memory


class Surplus(Struct, frozen=True):
    """A version of a service whose kept files are to go."""

    service: str
    kept: Kept


def take(project: Project, slot: str, version: str) -> None:
    """Keeps the files of a slot that serves `version`, unless that has been done; and lets older ones go.

    It never raises: a release must not fail because of pages that somebody has left open.
    """
    for service in _services(project):
        try:
            if _take(project, service, home(project, service, slot), version):
                forget(project, surplus(project, service))
        except (BgctlError, OSError) as error:
            if isinstance(error, OSError):
                error = disk.unwritten(file_copies.versions(project, service), error)
            what = f"files of {service} {version} are not kept for pages that stay open"
            project.ui.warn(f"{what}: {error.line}")


def take_last(project: Project, slot: str) -> None:
    """Keeps the files of a slot that is about to be stopped, where that was not done when it started.

    So it is with a slot that is older than the setting.
    """
    if not project.config.kept:
        return
    state = project.state_if_readable()
    version = getattr(state.slots, slot).version if state else None
    if not version or not serving.serves(project, slot, version):
        return
    if not all(kept_list.read(project, each, version) for each in _services(project)):
        take(project, slot, version)


def surplus(project: Project, service: str | None = None) -> list[Surplus]:
    """The kept files of versions that are in no slot, but for the newest, as far as they may take room."""
    served = file_copies.served(project)
    found: list[Surplus] = []
    for name in [service] if service else _services(project):
        table, room, there = project.config.services[name], 0, 0
        for each in kept_list.known(project, name):
            if each.version in served:
                continue
            there, room = there + 1, room + each.bytes
            if there > table.assets_keep or room > table.assets_room.bytes:
                found.append(Surplus(name, each))
    return found


def forget(project: Project, them: list[Surplus]) -> None:
    """Removes these: first from the list, so that the proxy promises nothing that is not there."""
    for service in dict.fromkeys(each.service for each in them):
        gone = {each.kept.version for each in them if each.service == service}
        kept_list.publish(project, service, without=gone)
        for version in gone:
            _drop(project, service, version)


def _services(project: Project) -> list[str]:
    return list(dict.fromkeys(each.service for each in project.config.kept))


def _places(project: Project, service: str, version: str) -> Iterator[Path]:
    for each in project.config.kept:
        if each.service == service:
            yield file_copies.versions(project, service) / version / each.prefix.strip("/")


def _take(project: Project, service: str, slot: str, version: str) -> bool:
    """Whether anything was copied."""
    folders = [each for each in project.config.kept if each.service == service]
    found = project.engine.look(f"{service}-{slot}")
    if not (found and found.state.running):
        return False
    of = [f"{each.prefix} {each.folder} {found.image_id}" for each in folders]
    here = file_copies.versions(project, service) / version
    if (known := kept_list.read(project, service, version)) and known.of == of:
        kept_list.publish(project, service)  # a run that was cut short may not have come to that
        return False
    project.ui.progress(f"keeping the files of {service} {version} for pages that stay open")
    kept = Kept(version, of, project.now().timestamp(), 0, {})
    kept = _copy(project, folders, found, slot, kept, here)
    try:
        kept_list.note(project, service, kept)
    except Failed:
        if not kept_list.read(project, service, version):
            _drop(project, service, version)  # what no list names would never go
        raise
    kept_list.publish(project, service)
    return True


def _drop(project: Project, service: str, version: str) -> None:
    """Removes what is kept of a version, which no list of the proxy's names any more."""
    folder = file_copies.versions(project, service) / version
    for place in _places(project, service, version):
        shutil.rmtree(place, ignore_errors=True)
    (folder / kept_list.OF_ONE).unlink(missing_ok=True)
    _remove_empty(folder)


def _copy(
    project: Project, folders: list[Served], found: Container, slot: str, kept: Kept, here: Path
) -> Kept:
    """Copies, leaves out what not everybody gets, and puts the rest in its place."""
    new = here / NEW
    shutil.rmtree(new, ignore_errors=True)
    try:
        for each in folders:
            (new / each.prefix.strip("/")).parent.mkdir(parents=True, exist_ok=True)
            file_copies.fetch(project, each, found, new / each.prefix.strip("/"))
        check = health_check.of(project.config, folders[0].service, slot)
        files = dict(asset_answers.of_all(check, _names(folders[0].service, new)))
        size = _sift(new, files)
        room = project.config.services[folders[0].service].assets_room
        if size > room.bytes:
            next = f"raise services.{folders[0].service}.assets_room in bgctl.toml"
            raise Failed("they are too large", f"{size >> 20} MB, and assets_room is {room}", next)
        for each in folders:
            _put(new / each.prefix.strip("/"), here / each.prefix.strip("/"))
    finally:
        shutil.rmtree(new, ignore_errors=True)
        _remove_empty(here)
    return msgspec.structs.replace(kept, bytes=size, files=files)


def _names(service: str, new: Path) -> list[str]:
    """The paths of all that may be kept. Raises Failed where they are too many."""
    found = [f"/{name}" for name in _plain_files(new)]
    if len(found) > MOST:
        why = f"{len(found)} files, and {MOST} of a version are kept at most"
        raise Failed("they are too many", why, f"name smaller folders in services.{service}.assets")
    return found


def _plain_files(new: Path) -> Iterator[str]:
    """The path of each regular file: no links, and nothing with a dot in front."""
    for path, folders, files in os.walk(new):
        folders[:] = sorted(
            each for each in folders if each[0] != "." and not (Path(path) / each).is_symlink()
        )
        for name in sorted(files):
            file = Path(path) / name
            if name[0] != "." and file.is_file() and not file.is_symlink() and name.isprintable():
                yield file.relative_to(new).as_posix()


def _sift(new: Path, files: dict[str, Noted]) -> int:
    """Removes what is not among `files`, and lets the proxy read the rest. Returns the bytes of it."""
    size = 0
    for path, folders, names in os.walk(new):
        Path(path).chmod(file_copies.FOLDER)
        for name in (*names, *[each for each in folders if (Path(path) / each).is_symlink()]):
            file = Path(path) / name
            if f"/{file.relative_to(new).as_posix()}" not in files:
                file.unlink()
                continue
            file.chmod(file_copies.READABLE)
            size += file.stat().st_size
    return size


def _put(new: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    new.rename(place)


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
