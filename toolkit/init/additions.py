"""The lines that `bgctl init` adds to files that are there: the env file, .dockerignore, .gitignore."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from toolkit.engine import build_context
from toolkit.engine.compose import Compose
from toolkit.files import env_file
from toolkit.init.files import Change

WHY = "# bgctl's folders: keys, sessions, routing, and what it renders for its proxy"
PRIVATE = 0o600  # the mode of a new env file: others will write secrets into it


def env(path: Path, wanted: Mapping[str, str]) -> Change | None:
    """The variables that the env file lacks, at its end; None: it has them all.

    Not a byte of what it has is changed. Raises Refused where it cannot be read.
    """
    path = path.resolve()
    known = env_file.load(path) if path.exists() else {}
    lines = [f"{name}={value}" for name, value in wanted.items() if not known.get(name)]
    return Change.appended(path, lines, mode=PRIVATE, secret=True) if lines else None


def dockerignore(found: Compose, root: Path) -> Iterator[Change]:
    """For each folder that is built with bgctl's folders in it: the lines that keep them out of its image."""
    for each in build_context.exposed(found, root):
        below = each.root.resolve().relative_to(each.context.resolve())
        lines = [WHY, *(str(below / name) for name in each.names)]
        yield Change.appended(each.context / build_context.IGNORED, lines)


def gitignore(root: Path, ignored: Collection[str]) -> Change | None:
    """`ignored`: the folders of bgctl's that git leaves out already."""
    lines = [f"/{name}/" for name in build_context.OURS if name not in ignored]
    return Change.appended(root / ".gitignore", [WHY, *lines]) if lines else None
