"""What git says of the project's folder; nothing where it is no checkout, or git is not installed."""

from pathlib import Path

from toolkit.engine import process
from toolkit.engine.build_context import OURS
from toolkit.errors import Failed

LOOK = 10.0  # seconds


def described(root: Path) -> str:
    """The last tag with what has come since, else the commit; "": nothing."""
    return _ask(root, "describe", "--tags", "--always").strip()


def ignored(root: Path) -> set[str] | None:
    """Which of bgctl's folders git leaves out already; None: nothing here is for git."""
    if _ask(root, "rev-parse", "--is-inside-work-tree").strip() != "true":
        mine = root / ".gitignore"  # a copy of a checkout: its keys could be committed where it came from
        return {line.strip("/ ") for line in mine.read_text().splitlines()} if mine.is_file() else None
    return {line.strip("/") for line in _ask(root, "check-ignore", *(f"{name}/" for name in OURS)).split()}


def _ask(root: Path, *words: str) -> str:
    try:
        return process.run(["git", "-C", str(root), *words], timeout=LOOK)
    except Failed:  # check-ignore too, where it finds nothing
        return ""
