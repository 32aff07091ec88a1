"""The mounts by which the compose file hands shared keys to containers: of their folders, or of single files.

Single files are what earlier compose files mount. A file that is replaced is not seen by a container that
mounts it (docs/decisions/0043).
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from session_api.keys import key_files
from toolkit.engine.compose import Compose
from toolkit.engine.compose_lines import place
from toolkit.errors import BgctlError, Refused, together


class Mount(Struct, frozen=True):
    """A shared key that a service mounts; `single`: the file itself, and not its folder."""

    service: str
    name: str
    single: bool

    @property
    def mend(self) -> str:
        folder = key_files.FOLDERS[self.name]
        return f"write ./keys/{folder}:/keys/{folder}:ro in place of ./keys/{self.name}:/keys/{self.name}:ro"


def of(found: Compose, root: Path, keys: Path) -> Iterator[Mount]:
    """The mounts of shared keys in a compose file that lies in `root`."""
    for service, each in found.services.items():
        for source in each.mounted:
            path = _absolute(root, source)
            for name in key_files.NAMES:
                if path == _absolute(root, str(key_files.former_place(keys, name))):
                    yield Mount(service, name, True)
                elif path == _absolute(root, str(key_files.place(keys, name).parent)):
                    yield Mount(service, name, False)


def check(mounts: list[Mount], keys: Path, paths: Sequence[Path], moves: bool = False) -> None:
    """Raises Refused for a mount of what does not exist: the engine would make a folder there."""
    if found := list(problems(mounts, keys, paths, moves)):
        raise together(found)


def problems(
    mounts: list[Mount], keys: Path, paths: Sequence[Path], moves: bool = False
) -> Iterator[BgctlError]:
    """Mounts of what does not exist. `moves`: keys without a folder are about to get theirs."""
    for mount in mounts:
        name = mount.name
        if mount.single and not key_files.former_place(keys, name).is_file():
            yield Refused(_where(mount, paths), "that key lies in a folder of its own", mount.mend)
        if not mount.single and not moves and name in key_files.unmoved(keys):
            yield Refused(f"keys/{name} has no folder yet", f"{mount.service} mounts that", "bgctl up")


def advice(mounts: list[Mount], paths: Sequence[Path]) -> str:
    """What to write in the compose file where single files are mounted; "": none are."""
    singles = [mount for mount in mounts if mount.single]
    if not singles:
        return ""
    return "; ".join(f"{_where(mount, paths)}: {mount.mend}" for mount in singles)


def _where(mount: Mount, paths: Sequence[Path]) -> str:
    where = place(paths, mount.service, "volumes")
    return f"{where}: {mount.service} mounts the file keys/{mount.name}"


def _absolute(root: Path, text: str) -> str:
    path = Path(os.path.normpath(root / text))
    return str(Path(os.path.realpath(path.parent)) / path.name)
