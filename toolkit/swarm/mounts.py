"""What a service mounts, on a swarm: volumes of each node, and the contents of files of this project."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from toolkit.swarm import contents
from toolkit.swarm.contents import Content
from toolkit.swarm.layout import Layout, Read

Document = dict[str, Any]
# The folders of a project that containers write to. On a swarm they are a volume of each node.
VOLUMES = {"state": "bgctl-state", "data": "bgctl-data", "data/redis": "bgctl-redis"}
OPTIONS = {"bind": ("propagation",), "volume": ("nocopy",), "tmpfs": ("size",)}  # of each type of volume
NO_FILES = "the other nodes do not have the files of this folder"
PUT_ELSEWHERE = "put it into the image, or name a volume, or a path outside of the project that each node has"


class Mounts(Struct, frozen=True):
    """What one service mounts: `volumes` in the long form, `named` the volumes among them."""

    volumes: list[Document]
    contents: list[Content]

    @property
    def named(self) -> list[str]:
        return [each["source"] for each in self.volumes if each["type"] == "volume" and "source" in each]


def of(service: Document, name: str, layout: Layout, read: Read) -> Mounts:
    volumes: list[Document] = list(_tmpfs(service))
    found: list[Content] = []
    user = str(service.get("user") or "")
    for given in service.get("volumes") or []:
        each = _long(given)
        inside = _inside(each, layout.root)
        if inside is None:
            volumes.append(each)
        elif inside in VOLUMES:
            volumes.append(_volume(VOLUMES[inside], each))
        elif inside.split("/")[0] == "keys":
            source = layout.root / inside
            found += contents.of_keys(layout, name, source, each["target"], user, read(source))
        elif inside == "proxy":
            source = layout.root / inside
            found += contents.of_proxy(layout, name, source, each["target"], user, read(source))
        elif inside != f"proxy/{contents.LOG}":  # without access_log_file nothing is written there
            raise layout.refused(name, "volumes", f"{NO_FILES}: ./{inside}", PUT_ELSEWHERE)
    return Mounts(volumes, found)


def _long(volume: object) -> Document:
    """An entry of `volumes` in its long form, with what a stack file may say of it."""
    if isinstance(volume, dict):
        made = {key: volume[key] for key in ("type", "source", "target", "read_only") if volume.get(key)}
        kind = str(volume["type"])
        told = volume.get(kind) or {}
        if options := {key: told[key] for key in OPTIONS.get(kind, ()) if key in told}:
            made[kind] = options
        return made
    source, _, rest = str(volume).partition(":")
    if not rest:
        return {"type": "volume", "target": source}
    target, _, how = rest.partition(":")
    kind = "bind" if source.startswith(("/", ".", "~")) else "volume"
    return {"type": kind, "source": source, "target": target, **_only("ro" in how.split(","))}


def _only(reads: bool) -> Document:
    return {"read_only": True} if reads else {}


def _inside(volume: Document, root: Path) -> str | None:
    """The path of a folder that is mounted, below the project's; None: it is none of that folder."""
    if volume["type"] != "bind":
        return None
    path = Path(os.path.normpath(root / str(volume["source"])))
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None


def _volume(name: str, volume: Document) -> Document:
    only = _only(bool(volume.get("read_only")))
    return {"type": "volume", "source": name, "target": volume["target"], **only}


def _tmpfs(service: Document) -> Iterator[Document]:
    """Stack files have no `tmpfs`, but volumes of that type, which anybody in the container may write to."""
    listed = service.get("tmpfs") or []
    for entry in [listed] if isinstance(listed, str) else listed:
        target, _, options = str(entry).partition(":")
        yield _in_memory(target, _size(options))
    if size := service.get("shm_size"):
        yield _in_memory("/dev/shm", _bytes(str(size)))  # noqa: S108


def _in_memory(target: str, size: int | None) -> Document:
    return {"type": "tmpfs", "target": target, **({"tmpfs": {"size": size}} if size else {})}


def _size(options: str) -> int | None:
    found = re.search(r"(?:^|,)size=([^,]+)", options)
    return _bytes(found[1]) if found else None


def _bytes(text: str) -> int | None:
    """Of "512m", "64mb" or a number."""
    found = re.fullmatch(r"(\d+)([kmg]?)b?", text.strip().lower())
    return int(found[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[found[2]] if found else None
