"""The engine that gets the images: the project's, or the first that answers."""

import os
from pathlib import Path

from toolkit import config
from toolkit.config.engines import ENGINES, KINDS, NAMES
from toolkit.engine import process, user_session
from toolkit.errors import Refused
from toolkit.files import engine_file
from toolkit.images.engine import Engine
from toolkit.images.shell import Report, ignore


def choose(named: str | None, root: Path) -> str:
    """`named` is the one asked for; None: that of the project in `root`, if it is one.

    Raises Refused where none answers.
    """
    only = named or _of_project(root)
    names = [only] if only else NAMES
    if any(ENGINES[name].needs_user_session for name in names):
        user_session.find(os.getuid())
    for name in names:
        if Engine(name, Report(ignore)).answers():
            return name
    why = "; ".join(_silent(name) for name in names)
    raise Refused("there is no engine for the images", why, f"install or start {' or '.join(names)}")


def _silent(name: str) -> str:
    return f"{name} {f'does not answer ({name} info)' if process.which(name) else 'is not installed'}"


def _of_project(root: Path) -> str | None:
    """The engine whose program makes images; None: `root` is no project, or its engine is not decided yet."""
    path = root / "bgctl.toml"
    if not path.exists():
        return None
    named = config.load(path).project.engine
    if named == "auto":
        return engine_file.read(root / "state" / "engine")
    return KINDS[named].binary
