"""Files of JSON lines that are only ever appended to, such as the history."""

import os
from pathlib import Path

from toolkit.errors import Failed
from toolkit.files import disk


def append(path: Path, line: bytes) -> None:
    """Adds a line, and is sure that it is on the disk. Raises Failed when that is full or broken."""
    try:
        with path.open("ab+") as file:
            file.write(_gap(file.fileno()) + line + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise disk.unwritten(path, error) from None


def read(path: Path) -> list[bytes]:
    """All lines, one that a crash has torn among them; none where there is no file."""
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Failed(f"{path} cannot be read", str(error)) from None


def _gap(fd: int) -> bytes:
    """A newline when the last line was torn, so that the new one begins on its own."""
    size = os.fstat(fd).st_size
    return b"\n" if size and os.pread(fd, 1, size - 1) != b"\n" else b""
