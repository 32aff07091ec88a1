"""Files that a swarm hands to containers: secrets and configs, each named by its content.

Neither can be changed once it is there. So other content is another name, which makes another service of what
mounts it, and the swarm replaces its containers one node after the other.
"""

import hashlib
import re
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from toolkit.swarm.layout import Files, Layout

Document = dict[str, Any]
Kind = Literal["secrets", "configs"]

KINDS: tuple[Kind, ...] = ("secrets", "configs")

MOST = 500_000  # bytes of one secret; configs may have more on newer engines only
LONGEST = 64  # letters of a name
# Below proxy/: certificates with their keys, and password files. What is a config can be read by whoever may
# ask a manager.
SECRET_FOLDERS = ("tls", "passwords")
LOG = "log"
CANDIDATE = re.compile(r".*\.new")  # a file that is tried, and not in force yet


class Content(Struct, frozen=True):
    """One file. `target` is its path in the container; `user` is None where anybody in it may read it."""

    kind: Kind
    key: str
    path: Path
    target: str
    user: tuple[str, str] | None

    @property
    def mount(self) -> Document:
        """As a service of a stack file has it."""
        owner = {"uid": self.user[0], "gid": self.user[1]} if self.user else {}
        mode = 0o444 if self.kind == "configs" or not self.user else 0o400
        return {"source": self.key, "target": self.target, **owner, "mode": mode}

    def declared(self, project: str) -> Document:
        """As the top of a stack file has it."""
        return {"name": name_of(project, self.key), "file": str(self.path)}


def of_keys(
    layout: Layout, service: str, source: Path, target: str, user: str, files: Files
) -> list[Content]:
    """The secrets for what a service mounts below keys/: a folder, or one file."""
    return [
        _content(layout, service, "secrets", source, name, target, user, data) for name, data in files.items()
    ]


def of_proxy(
    layout: Layout, service: str, source: Path, target: str, user: str, files: Files
) -> list[Content]:
    """The configs and secrets for the folder proxy/, with all that nginx reads there."""
    found = []
    for name, data in files.items():
        folder = name.partition("/")[0]
        if folder != LOG and not CANDIDATE.fullmatch(name):
            kind: Kind = "secrets" if folder in SECRET_FOLDERS else "configs"
            found.append(_content(layout, service, kind, source, name, target, user, data))
    return found


def _content(
    layout: Layout, service: str, kind: Kind, source: Path, name: str, target: str, user: str, data: bytes
) -> Content:
    path = source / name if name else source
    if len(data) > MOST:
        why = f"{path.relative_to(layout.root)} has {len(data)} bytes, and a swarm takes {MOST} of a file"
        raise layout.refused(service, "volumes", why, "make it smaller")
    here = path.relative_to(layout.root).as_posix()
    place = f"{target.rstrip('/')}/{name}" if name else target
    return Content(kind, key(here, data), path, place, numbers(user))


def key(path: str, data: bytes) -> str:
    """Its key in a stack file: another one for other content."""
    return f"{re.sub(r'[^A-Za-z0-9.-]', '-', path)}-{hashlib.sha256(data).hexdigest()[:16]}"


def name_of(project: str, key: str) -> str:
    """The digest is at the end of a key: of a name that is too long the beginning goes."""
    return f"{project}-{key}" if len(project) + 1 + len(key) <= LONGEST else key[-LONGEST:].lstrip(".-")


def numbers(user: str) -> tuple[str, str] | None:
    """The user and group of a service that names both by number; None: only its image knows who that is."""
    found = re.fullmatch(r"(\d+)(?::(\d+))?", user)
    return (found[1], found[2] or found[1]) if found else None
