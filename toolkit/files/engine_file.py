"""state/engine: the engine on which this project runs, noted so that no other engine is used by chance."""

from pathlib import Path

from toolkit.config.engines import KINDS
from toolkit.files import atomic


def read(path: Path) -> str | None:
    """The engine's name; None: nothing usable has been noted."""
    try:
        name = path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if name in KINDS else None


def write(path: Path, name: str) -> None:
    """Writes the file only if that changes it. Raises Failed when the disk is full or broken."""
    if read(path) != name:
        atomic.write(path, f"{name}\n".encode())
