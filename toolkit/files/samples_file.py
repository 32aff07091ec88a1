"""state/figures/ID.jsonl: what was counted in the course of one release, a line for each sample.

What a sample is, `toolkit.clients.sample` says.
"""

import re
import time
from contextlib import suppress
from pathlib import Path

from toolkit.errors import Failed
from toolkit.files import disk, json_lines

FOLDER = "figures"
MOST = 100  # releases
_ID = re.compile(r"[0-9]{8}-[0-9]{6}")


def append(state_dir: Path, release: str, line: bytes) -> None:
    """Adds a sample. The oldest releases beyond `MOST` go. Raises Failed when the disk is full or broken."""
    if not _ID.fullmatch(release):
        return
    path = _path(state_dir, release)
    if not path.exists():
        try:
            path.parent.mkdir(exist_ok=True)
            for old in sorted(path.parent.glob("*.jsonl"))[: -(MOST - 1)]:
                old.unlink(missing_ok=True)
        except OSError as error:
            raise disk.unwritten(path, error) from None
    json_lines.append(path, line)


def read(state_dir: Path, release: str) -> list[bytes]:
    """The lines of a release, the oldest first; none where nothing is known of it, or it cannot be read."""
    if _ID.fullmatch(release):
        with suppress(Failed):
            return json_lines.read(_path(state_dir, release))
    return []


def age(state_dir: Path, release: str) -> float:
    """Seconds since the last sample of a release; infinite where there is none."""
    try:
        return max(0.0, time.time() - _path(state_dir, release).stat().st_mtime)
    except OSError:
        return float("inf")


def _path(state_dir: Path, release: str) -> Path:
    return state_dir / FOLDER / f"{release}.jsonl"
