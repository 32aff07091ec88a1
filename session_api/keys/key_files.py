"""Where the shared keys lie below keys/. Imports nothing heavy: every bgctl command may need one.

Each has a folder of its own, and a container mounts only the folders of the keys that it may know: a file
that is replaced by rename is seen through a mounted folder, but not through a mount of the file itself.
"""

from pathlib import Path

FOLDERS = {"pin.secret": "pin", "service.key": "service", "admin.key": "admin", "proxy.key": "proxy"}
NAMES = tuple(FOLDERS)


def place(directory: Path, name: str) -> Path:
    """Where a shared key belongs."""
    return directory / FOLDERS[name] / name


def former_place(directory: Path, name: str) -> Path:
    """Where it was before it had a folder, and still is while a compose file mounts it from there."""
    return directory / name


def find(directory: Path, name: str) -> Path:
    """Where a shared key is now.

    If it is nowhere, or if we may not look, this is where it belongs: reading that path gives the error.
    """
    here, there = place(directory, name), former_place(directory, name)
    try:
        return there if there.is_file() and not here.exists() else here
    except PermissionError:
        return here


def unmoved(directory: Path) -> list[str]:
    """The shared keys that lie where they were before they had folders."""
    return [name for name in NAMES if find(directory, name) == former_place(directory, name)]


def half_moved(directory: Path) -> list[str]:
    """The shared keys whose former place is no link to their folder yet: a move was cut short."""
    return [name for name in NAMES if _is_twice(place(directory, name), former_place(directory, name))]


def ignored(directory: Path) -> list[str]:
    """The shared keys of which another file lies at the former place, beside the one that is in force."""
    pairs = {name: (place(directory, name), former_place(directory, name)) for name in NAMES}
    return [name for name, (here, there) in pairs.items() if here.exists() and _is_another(here, there)]


def _is_another(here: Path, there: Path) -> bool:
    return there.is_file() and not there.samefile(here)


def _is_twice(here: Path, there: Path) -> bool:
    return here.exists() and there.is_file() and not there.is_symlink() and here.samefile(there)
