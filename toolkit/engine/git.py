"""What git says of a project's folder: which version its code is."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from toolkit.engine import process
from toolkit.engine.process import Ended
from toolkit.errors import Failed

LOOK = 20.0  # seconds
PLAIN = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}  # its words in English, and nothing written
NO_REPOSITORY = "not a git repository"


def is_installed() -> bool:
    return process.which("git") is not None


def describe(root: Path) -> str | None:
    """The last tag with what came after it, such as 1.2.3 or 1.2.3-4-gabc1234, else the commit.

    None: the folder is in no repository. Raises Failed with git's words.
    """
    try:
        return _git(root, "describe", "--tags", "--always").strip()
    except Ended as error:
        if NO_REPOSITORY in error.why:
            return None
        raise


def described(root: Path) -> str:
    """As `describe`, for a guess: "" where git has nothing to say, is absent or fails."""
    with suppress(Failed):
        return describe(root) or ""
    return ""


def ignored(root: Path, names: Sequence[str]) -> set[str] | None:
    """Which of these folders git leaves out already; None: nothing here is for git."""
    try:
        place(root)
    except Failed:
        mine = root / ".gitignore"  # a copy of a checkout: its keys could be committed where it came from
        if not mine.is_file():
            return None
        return {line.strip("/ ") for line in mine.read_text("utf-8", "replace").splitlines()}
    with suppress(Failed):  # it fails where none is ignored
        return {
            line.strip("/") for line in _git(root, "check-ignore", *(f"{name}/" for name in names)).split()
        }
    return set()


def changed(root: Path) -> list[str]:
    """The files that differ from the last commit, by their paths in the repository. Raises Failed.

    Files that git was never told of do not count, as for `git describe --dirty`.
    """
    lines = _git(root, "status", "--porcelain", "--untracked-files=no", "-z").split("\0")
    # An entry is "XY PATH"; of a file that was renamed, the old path follows as an entry of its own.
    return [line[3:] for line in lines if line[2:3] == " "]


def place(root: Path) -> str:
    """The folder's path in its repository, with "/" at the end; "" for the topmost one. Raises Failed."""
    return _git(root, "rev-parse", "--show-prefix").strip()


def _git(root: Path, *words: str) -> str:
    return process.run(["git", "-C", str(root), *words], timeout=LOOK, env=PLAIN, called=f"git {words[0]}")
