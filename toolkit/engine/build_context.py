"""Whether a build sends a project's keys and sessions to the engine: they must not end up in an image."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct

from toolkit.engine.compose import Compose

OURS = ("keys", "data", "state", "proxy")  # the folders that `bgctl up` makes
IGNORED = ".dockerignore"


class Exposed(Struct, frozen=True):
    """A compose service whose build context holds folders of bgctl's, and how to keep them out of it."""

    service: str
    context: Path
    root: Path
    names: list[str]

    @property
    def what(self) -> str:
        ours = ", ".join(f"{name}/" for name in self.names)
        return f"an image of {self.service} would hold {ours} of this project"

    @property
    def why(self) -> str:
        return f"it is built with all of {self.context}"

    @property
    def mend(self) -> str:
        below = self.root.resolve().relative_to(self.context.resolve())
        lines = "\\n".join(["", *[str(below / name) for name in self.names], ""])  # the last may have no end
        return f"printf '{lines}' >> {self.context / IGNORED}"


def taken_along(context: Path, root: Path) -> list[str]:
    """Which of bgctl's folders in `root` a build in `context` would send to the engine."""
    if not root.resolve().is_relative_to(context.resolve()):
        return []
    below = root.resolve().relative_to(context.resolve())
    lines = _lines(context / IGNORED)
    return [name for name in OURS if not _is_ignored(str(below / name), lines)]


def exposed(found: Compose, root: Path) -> Iterator[Exposed]:
    """Each build context with folders of bgctl's in it, and the first service that is built there."""
    told = set()
    for service, each in found.services.items():
        context = folder(each.build, root)
        if context and context not in told and (names := taken_along(context, root)):
            told.add(context)
            yield Exposed(service, context, root, names)


def folder(build: object, root: Path) -> Path | None:
    """The folder that is built; None: nothing is, or from elsewhere, such as a git repository."""
    text = build.get("context") if isinstance(build, dict) else build
    if not isinstance(text, str) or "://" in text:
        return None
    return root / text


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line.strip() for line in lines if line.strip() and line[0] != "#"]


def _is_ignored(name: str, lines: list[str]) -> bool:
    """Whether .dockerignore leaves a path out: its last line about the path or a folder above it decides."""
    ignored = False
    folders = [name, *map(str, Path(name).parents)][:-1] or [name]
    for line in lines:
        pattern = line.removeprefix("!").removeprefix("./").strip("/")
        pattern = pattern.removesuffix("/**").removesuffix("/*").removeprefix("**/")
        kept = line.startswith("!") and pattern.startswith(f"{name}/")
        if kept or any(fnmatchcase(folder, pattern or "*") for folder in folders):
            ignored = not line.startswith("!")
    return ignored
