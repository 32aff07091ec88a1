"""state/needs.json: the services on which the project depends, noted for commands that ask no engine."""

from pathlib import Path

import msgspec

from toolkit.files import atomic


def read(path: Path) -> list[str]:
    """Empty where nothing usable is noted."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[str])
    except (OSError, msgspec.MsgspecError):
        return []


def write(path: Path, services: list[str]) -> None:
    """Writes the file only if that changes it. Raises Failed when the disk is full or broken."""
    if read(path) != services:
        atomic.write(path, msgspec.json.encode(services) + b"\n")
