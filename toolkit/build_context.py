"""What a build takes along, as .dockerignore has it: keys and sessions must not end up in an image."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from toolkit.compose import Compose

OURS = ("keys", "data", "state", "proxy")  # what `bgctl up` makes


def taken_along(context: Path, root: Path) -> list[str]:
    """Which of our folders in `root` a build in `context` would send to the engine."""
    if not root.resolve().is_relative_to(context.resolve()):
        return []
    below = root.resolve().relative_to(context.resolve())
    lines = _lines(context / ".dockerignore")
    return [name for name in OURS if not _is_ignored(str(below / name), lines)]


def exposed(found: Compose, root: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """(compose service, context, our folders in it) for each that builds with something of ours."""
    for service, each in found.services.items():
        if (context := _context(each.build, root)) and (names := taken_along(context, root)):
            yield service, context, names


def _context(build: object, root: Path) -> Path | None:
    """None: nothing is built, or from somewhere else, such as a git repository."""
    text = build.get("context") if isinstance(build, dict) else build
    if not isinstance(text, str) or "://" in text:
        return None
    return root / text


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text().splitlines() if line.strip() and line[0] != "#"]
    except OSError:
        return []


def _is_ignored(name: str, lines: list[str]) -> bool:
    """The last line that says something of it, or of a folder around it, decides."""
    ignored = False
    folders = [name, *map(str, Path(name).parents)][:-1] or [name]
    for line in lines:
        pattern = line.removeprefix("!").removeprefix("./").strip("/").removesuffix("/**").removeprefix("**/")
        if any(fnmatchcase(folder, pattern or "*") for folder in folders):
            ignored = not line.startswith("!")
    return ignored
