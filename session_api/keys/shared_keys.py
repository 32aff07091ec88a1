"""Makes the shared keys, and gives each of them a folder of its own."""

import os
import secrets
from pathlib import Path

from session_api.files.atomic import Owner
from session_api.keys import document, key_files


def missing(directory: Path) -> list[str]:
    """The shared keys that are not there: all before the first start, some after a new version of bgctl."""
    return [name for name in key_files.NAMES if not key_files.find(directory, name).exists()]


def complete(directory: Path, *, owner: Owner | None = None) -> list[str]:
    """Make the shared keys that are missing; returns their names. Raises OSError."""
    made = missing(directory)
    for name in made:
        path = key_files.place(directory, name)
        make_directory(path.parent, owner)
        document.write_file(path, secrets.token_urlsafe(48).encode() + b"\n", owner)
    return made


def move(directory: Path, *, owner: Owner | None = None) -> list[str]:
    """Give each shared key a folder of its own; returns the names of those that had none. Raises OSError.

    A link stays where each key was: containers of an older version have that place mounted, and may be
    restarted. A key that was a link already is copied: in a container, the link would lead nowhere.
    """
    unmoved = key_files.unmoved(directory)
    moved = unmoved + key_files.half_moved(directory)
    for name in moved:
        here, there = key_files.place(directory, name), key_files.former_place(directory, name)
        make_directory(here.parent, owner)
        if there.is_symlink():
            document.write_file(here, there.read_bytes(), owner)
        elif name in unmoved:
            os.link(there, here)
        link = there.with_name(f".{name}.new")
        link.unlink(missing_ok=True)
        link.symlink_to(here.relative_to(directory))
        link.replace(there)
    return moved


def make_directory(path: Path, owner: Owner | None) -> None:
    """A folder that only its owner and group may look into."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o750)
    if owner:
        os.chown(path, *owner)
