"""state/looked.json: the last look that found no difference, and what it was made of."""

from pathlib import Path

import msgspec
from msgspec import Struct

from toolkit.files import atomic

NAME = "looked.json"


class Looked(Struct, frozen=True):
    """`files` are the paths of those that went into the look; `digest` is of their contents and of all else.

    `at` is when it was, in Unix time.
    """

    files: tuple[str, ...]
    digest: str
    at: float


def read(state_dir: Path) -> Looked | None:
    """None where nothing usable is noted."""
    try:
        return msgspec.json.decode((state_dir / NAME).read_bytes(), type=Looked)
    except (OSError, msgspec.MsgspecError):
        return None


def write(state_dir: Path, looked: Looked) -> None:
    """Raises Failed when the disk is full or broken, or the folder is not ours to write in."""
    atomic.write(state_dir / NAME, msgspec.json.encode(looked) + b"\n", mode=0o600)
