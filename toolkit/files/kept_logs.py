"""state/logs/: the last lines of containers that are gone, by the version that they ran.

A file for each container: state/logs/VERSION/SERVICE.TIME.log, with the lines as the engine has them, each
behind its time. Apps log what they like, so that only the owner of the state may read them (mode 0600).
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from toolkit.errors import Failed
from toolkit.files import atomic, disk
from toolkit.values import is_version

FOLDER = "logs"
EACH = 3  # ends of one service on one version: a candidate that fails is tried again and again
TOTAL = 64 * 1024 * 1024  # bytes of all files
_NAME = re.compile(r"(.+)\.(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.log")


class Kept(Struct, frozen=True):
    """The last lines of one container. `at` is the stamp of its end, `size` in bytes."""

    version: str
    service: str
    at: str
    path: Path
    size: int

    def lines(self) -> list[str]:
        """Raises Failed where the file cannot be read."""
        try:
            return self.path.read_text(errors="replace").splitlines()
        except OSError as error:
            raise Failed(f"{self.path} cannot be read", error.strerror or str(error)) from None


def write(state_dir: Path, version: str, service: str, at: str, data: bytes) -> None:
    """Raises Failed when the disk is full or broken, and then nothing of it is left."""
    folder = state_dir / FOLDER / version
    try:
        (state_dir / FOLDER).mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise disk.unwritten(folder, error) from None
    with suppress(atomic.NotSynced):
        atomic.write(folder / f"{service}.{at.replace('-', '').replace(':', '')}.log", data, mode=0o600)


def known(state_dir: Path) -> list[Kept]:
    """All of them, the oldest first; what is not ours in that folder is left out."""
    found = []
    for path in (state_dir / FOLDER).glob("*/*.log"):
        match = _NAME.fullmatch(path.name)
        if match and is_version(path.parent.name):
            service, *parts = match.groups()
            at = "{}-{}-{}T{}:{}:{}Z".format(*parts)
            with suppress(OSError):  # another bgctl has just removed it
                found.append(Kept(path.parent.name, service, at, path, path.stat().st_size))
    return sorted(found, key=lambda each: (each.at, each.version, each.service))


def versions(found: Iterable[Kept]) -> list[str]:
    """The versions of these, the one whose last container ended last, first."""
    return list(dict.fromkeys(each.version for each in reversed(list(found))))


def surplus(found: list[Kept], most: int, total: int = TOTAL) -> list[Kept]:
    """Those beyond `most` versions, beyond `EACH` of one service of a version, or beyond `total` bytes."""
    kept = versions(found)[:most]
    count: dict[tuple[str, str], int] = {}
    left, gone = total, []
    for each in reversed(found):
        mine = count[each.version, each.service] = count.get((each.version, each.service), 0) + 1
        left -= each.size
        if each.version not in kept or mine > EACH or left < 0:
            gone.append(each)
    return gone


def remove(gone: Iterable[Kept]) -> None:
    """Removes these, and folders that are empty then. Raises Failed where one stays."""
    for each in gone:
        try:
            each.path.unlink(missing_ok=True)
        except OSError as error:
            raise Failed(f"{each.path} cannot be removed", error.strerror or str(error)) from None
        with suppress(OSError):
            each.path.parent.rmdir()
