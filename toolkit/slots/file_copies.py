"""Copies of folders in a slot's containers, whose files the proxy sends ([services.*] static, "slot:/…").

A version keeps its copy when its container is gone: whoever has one of its pages may still ask for what is in
it. In files/SERVICE/VERSION/ the paths are those of requests.
"""

import os
import shutil
from pathlib import Path

from toolkit.config import served_folders
from toolkit.config.served_folders import Served
from toolkit.engine import diagnosis
from toolkit.engine.container import Container
from toolkit.errors import Failed
from toolkit.files import atomic, disk
from toolkit.project import Project
from toolkit.slots.services import home

KEEP = 5  # versions of a service, beside those that are in a slot
NEW, OLD = ".new", ".old"  # with a dot in front they are not sent
READABLE, FOLDER = 0o444, 0o755
KEPT = ".kept.json"  # a version that has this list is kept for as long as that (kept_files.py)


def take(project: Project, slot: str, version: str) -> None:
    """Copies what a slot's containers have, unless that has been done. Raises Failed where one lacks it."""
    for each in project.config.folders:
        if each.folder.in_slot:
            found = project.engine.look(f"{each.service}-{home(project, each.service, slot)}")
            try:
                if found and _is_new(project, each, version, found):
                    _copy(project, each, version, found)
                    _forget(versions(project, each.service), served(project) | {version})
            except OSError as error:
                raise disk.unwritten(versions(project, each.service), error) from None


def versions(project: Project, service: str) -> Path:
    """The folder with the copies of a service, one for each version."""
    return project.root / served_folders.COPIES / service


def _mark(project: Project, each: Served, version: str) -> Path:
    """The file that says of what a copy was made."""
    return versions(project, each.service) / version / f".of{each.prefix.replace('/', '-')}"


def _source(each: Served, container: Container) -> bytes:
    return f"{each.folder} {container.image_id}\n".encode()


def _is_new(project: Project, each: Served, version: str, container: Container) -> bool:
    mark = _mark(project, each, version)
    return not mark.exists() or mark.read_bytes() != _source(each, container)


def _copy(project: Project, each: Served, version: str, container: Container) -> None:
    """Puts the copy in its place in one step, so that a run that is killed leaves none that is not whole."""
    mark = _mark(project, each, version)
    place = mark.parent / each.prefix.strip("/")
    new, old = mark.parent / NEW, mark.parent / OLD
    place.parent.mkdir(parents=True, exist_ok=True)
    for stale in (new, old):
        shutil.rmtree(stale, ignore_errors=True)
    fetch(project, each, container, new)
    _let_read(new)
    if place.exists():
        place.rename(old)
    new.rename(place)
    atomic.write(mark, _source(each, container))
    shutil.rmtree(old, ignore_errors=True)


def fetch(project: Project, each: Served, container: Container, target: Path) -> None:
    """Copies the folder out of the container. Raises Failed where there is none, or no room for it."""
    try:
        project.engine.copy(container, each.folder.in_slot, target)
    except Failed as error:
        shutil.rmtree(target, ignore_errors=True)  # it takes the room that others need
        if diagnosis.is_full(error.why):
            what = f"{each.folder.in_slot} of {each.service} could not be copied"
            where = disk.room(versions(project, each.service))  # what is below may be removed meanwhile
            raise Failed(what, f"the disk is full: {error.why}", where) from None
        what = f"{each.service} has no folder {each.folder.in_slot} to copy"
        why = f"services.{each.service}.{each.setting} in bgctl.toml names it: {error.why}"
        raise Failed(what, why, "edit bgctl.toml") from None
    _check_folder(each, target)


def _check_folder(each: Served, copy: Path) -> None:
    """Raises Failed for a link or a file. A link that was copied leads to something of this host."""
    if copy.is_dir() and not copy.is_symlink():
        return
    leads = f"a link to {copy.readlink()}" if copy.is_symlink() else "a file"
    copy.unlink()
    what = f"{each.service} has no folder {each.folder.in_slot} to copy"
    why = f"services.{each.service}.{each.setting} in bgctl.toml names it, and it is {leads}"
    raise Failed(what, why, "name the folder itself in bgctl.toml")


def _let_read(folder: Path) -> None:
    """Lets the proxy read all of it, whatever the image's modes are. Links are left: nginx follows none."""
    for path, _, files in os.walk(folder):
        Path(path).chmod(FOLDER)
        for name in files:
            file = Path(path) / name
            if not file.is_symlink():
                file.chmod(file.stat().st_mode | READABLE)


def served(project: Project) -> set[str]:
    """The versions that are in a slot."""
    state = project.state_if_readable()
    slots = (state.slots.blue, state.slots.green) if state else ()
    return {slot.version for slot in slots if slot.version}


def _forget(versions: Path, served: set[str]) -> None:
    """Removes the copies of versions that are long gone, the oldest first."""
    there = [path for path in versions.iterdir() if path.is_dir() and not (path / KEPT).exists()]
    gone = [path for path in there if path.name not in served]
    for path in sorted(gone, key=lambda each: each.stat().st_mtime)[:-KEEP]:
        shutil.rmtree(path, ignore_errors=True)
