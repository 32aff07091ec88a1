"""state/engine: the engine on which this project runs, noted so that no other one takes over by chance."""

from pathlib import Path

from toolkit.config.engines import ENGINES
from toolkit.files import atomic


def read(path: Path) -> str | None:
    """None: nothing usable has been noted."""
    try:
        name = path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if name in ENGINES else None


def write(path: Path, name: str) -> None:
    """Writes only what differs. Raises Failed when the disk is full or broken."""
    if read(path) != name:
        atomic.write(path, f"{name}\n".encode())
