"""The access log is put aside from a size on, and what is older goes."""

import fcntl
import os
from pathlib import Path

import pytest

from toolkit.errors import Failed
from toolkit.files import access_log

SIZE = 10


class Proxy:
    """As nginx has the file open: it writes where it has begun, until it is told to open it anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def reopen(self) -> None:
        os.close(self.file)
        self.file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, text: str) -> None:
        os.write(self.file, text.encode())


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_no_line_is_lost_and_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    proxy = Proxy(path)
    proxy.write("short")
    assert not access_log.rotate(path, SIZE, 2, proxy.reopen)
    for text in ("first-----", "second----", "third-----", "fourth----"):
        proxy.write(text)
        assert access_log.rotate(path, SIZE, 2, proxy.reopen)
    (tmp_path / "access.log.old").write_text("somebody's own")
    assert texts(tmp_path) == {
        "access.log": "",
        "access.log.1": "fourth----",
        "access.log.2": "third-----",
        "access.log.old": "somebody's own",
    }


def test_one_that_was_cut_short_is_done_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    proxy = Proxy(path)
    proxy.write("x" * SIZE)

    def killed() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        access_log.rotate(path, SIZE, 2, killed)
    proxy.write("still")
    assert access_log.rotate(path, SIZE, 2, proxy.reopen)
    proxy.write("anew")
    assert texts(tmp_path) == {"access.log.1": "x" * SIZE + "still", "access.log": "anew"}


def test_two_at_a_time_are_one(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("x" * SIZE)
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    assert not access_log.rotate(path, SIZE, 2, lambda: None)
    os.close(other)
    assert access_log.rotate(path, SIZE, 2, lambda: None)


def test_a_folder_that_is_not_there_or_not_ours(tmp_path: Path) -> None:
    assert not access_log.rotate(tmp_path / "none" / "access.log", SIZE, 2, lambda: None)
    path = tmp_path / "access.log"
    path.write_text("x" * SIZE)
    (tmp_path / "access.log.2").mkdir()
    with pytest.raises(Failed, match="cannot be put aside"):
        access_log.rotate(path, SIZE, 2, lambda: None)
