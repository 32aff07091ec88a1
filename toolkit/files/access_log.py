"""The file of the access log: it is put aside when it is large, and nginx begins a new one."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.errors import Failed


def folder(proxy_dir: Path) -> Path:
    """Where the proxy may write, below the folder of its configuration."""
    return proxy_dir / "log"


def rotate(path: Path, size: int, keep: int, reopen: Callable[[], None]) -> bool:
    """Puts the log at `path` aside as `path`.1 from `size` bytes on, and keeps so many; says whether it has.

    Until `reopen` has had nginx open the file anew, nginx goes on in the one that was put aside: no line is
    lost. Where that was cut short there is no file at `path`, and it is done now. Raises Failed.
    """
    try:
        with _alone(path.parent) as alone:
            if not alone or not (_is_large(path, size) or _is_cut_short(path)):
                return False
            if path.exists():
                _shift(path, keep)
            reopen()
            return True
    except OSError as error:
        why = error.strerror or str(error)
        raise Failed(
            f"{path} cannot be put aside", why, "bgctl up, which gives the proxy its folders"
        ) from None


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether nobody else is at it, until the end of the block. The lock dies with its owner."""
    if not folder.is_dir():
        yield False
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)


def _is_large(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size >= size


def _is_cut_short(path: Path) -> bool:
    return _older(path, 1).exists() and not path.exists()


def _shift(path: Path, keep: int) -> None:
    """Each becomes one older, and the oldest goes."""
    for number in sorted(_numbers(path), reverse=True):
        if number >= keep:
            _older(path, number).unlink(missing_ok=True)
        else:
            _older(path, number).rename(_older(path, number + 1))
    path.rename(_older(path, 1))


def _numbers(path: Path) -> list[int]:
    ends = [each.name.removeprefix(f"{path.name}.") for each in path.parent.glob(f"{path.name}.*")]
    return [int(end) for end in ends if end.isascii() and end.isdigit()]


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
