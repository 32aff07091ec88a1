"""The lists of what has been kept for old pages: one of each version, and the one that the proxy reads.

A version has its own in `.kept.json`, beside its files. The proxy reads files/SERVICE/kept.json, which is
made of these. It may have tens of thousands of names, and each worker looks at it every second while old
files are asked for. So its first letters (`made`) say whether it is another one, and the headers, which most
files have in common, are there once, in `notes`.
"""

import hashlib
from collections.abc import Collection
from pathlib import Path

import msgspec
from msgspec import Struct

from toolkit.files import atomic
from toolkit.project import Project
from toolkit.slots import file_copies
from toolkit.slots.asset_answers import Noted

OF_ONE, OF_ALL = file_copies.KEPT, "kept.json"
BEGINS = len('{"made":"",') + hashlib.sha256().digest_size * 2


class Kept(Struct, frozen=True):
    """What was kept of a version. `of`: the folders and images that it was copied from; `at`: Unix time."""

    version: str
    of: list[str]
    at: float
    bytes: int
    files: dict[str, Noted]


def read(project: Project, service: str, version: str) -> Kept | None:
    """What the list of a version says; None: it has none, or one that cannot be read and is made anew."""
    try:
        text = (file_copies.versions(project, service) / version / OF_ONE).read_bytes()
        return msgspec.json.decode(text, type=Kept)
    except (OSError, msgspec.DecodeError):
        return None


def known(project: Project, service: str) -> list[Kept]:
    """What is kept of a service, the newest first."""
    folder = file_copies.versions(project, service)
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    found = [read(project, service, name) for name in names]
    return sorted((each for each in found if each), key=lambda each: each.at, reverse=True)


def note(project: Project, service: str, kept: Kept) -> None:
    """Writes the list of a version. Raises Failed."""
    atomic.write(file_copies.versions(project, service) / kept.version / OF_ONE, msgspec.json.encode(kept))


def publish(project: Project, service: str, without: Collection[str] = ()) -> None:
    """Tells the proxy of all that is kept, unless it has been told already. Raises Failed."""
    told = [each for each in known(project, service) if each.files and each.version not in without]
    versions = msgspec.json.encode([_told(each) for each in told])
    made = b'{"made":"%s",' % hashlib.sha256(versions).hexdigest().encode()
    path = file_copies.versions(project, service) / OF_ALL
    if _begins(path) != made:
        atomic.write(path, made + b'"versions":' + versions + b"}")


def _begins(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(BEGINS)
    except OSError:
        return b""


def _told(kept: Kept) -> dict[str, object]:
    """`files` has the place of each file's headers in `notes`, counted from one."""
    notes = {noted: place for place, noted in enumerate(dict.fromkeys(kept.files.values()), 1)}
    files = {path: notes[noted] for path, noted in kept.files.items()}
    return {"version": kept.version, "notes": list(notes), "files": files}
