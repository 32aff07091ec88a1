"""Finds the files that come with bgctl: inside an installed package, or at the top of a checkout."""

import os
from collections.abc import Iterator
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_SHARE = _HERE / "share"  # where pyproject.toml has a wheel keep them
CHECKOUT = None if _SHARE.exists() else _HERE.parent  # the folder of the checkout; None: bgctl is installed

# How the names of the images begin that bgctl makes: in compose/bgctl.yaml, and where two are at work on one
# machine that must not take each other's.
SHARED = "localhost/bgctl"
PREFIX = f"localhost/{os.environ.get('BGCTL_IMAGES', 'bgctl')}"


def shipped(*parts: str) -> Path:
    """The path of a file or folder, such as `shipped("nginx", "pages")`."""
    installed = _SHARE.joinpath(*parts)
    return installed if installed.exists() else _HERE.parent.joinpath(*parts)


def marks() -> list[tuple[str, int]]:
    """Tells one bgctl from another, in a checkout too, where files change and the version does not."""
    return sorted(found for each in (_HERE, shipped("nginx")) for found in _marks(os.fspath(each)))


def _marks(folder: str) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as found:
        for each in found:
            if each.is_dir():
                yield from _marks(each.path)
            elif each.name.endswith((".py", ".j2")):
                yield each.path, each.stat().st_mtime_ns
