"""Writes that share a commit: each is answered for itself, and only for what is on the disk."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from session_api.stores.sqlite import commits as module
from session_api.stores.sqlite.commits import Commits
from session_api.stores.sqlite.file import SqliteFile
from session_api.stores.sqlite.store import SqliteStore
from session_api.stores.store import StoreBusyError, StoreError
from tests.unit.session_api.support.data import HandClock, session


class Counted(SqliteFile):
    """The real file, with the number of its transactions; one with few pages is a disk that is full soon."""

    def __init__(self, path: Path, pages: int = 10**6) -> None:
        self.begun = 0
        super().__init__(path, 30, lambda db: self._opened_here(db, pages))

    def _opened_here(self, db: sqlite3.Connection, pages: int) -> None:
        db.execute("CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY)")
        db.execute(f"PRAGMA max_page_count = {pages}")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        with super().write() as db:
            self.begun += 1
            yield db

    def names(self) -> list[str]:
        """What another program finds on the disk."""
        with self.connect() as db:
            return [name for (name,) in db.execute("SELECT name FROM names ORDER BY name")]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Counted]:
    file = Counted(tmp_path / "names.db")
    yield file
    file.close()


def adds(name: str) -> Callable[[sqlite3.Connection], str]:
    def work(db: sqlite3.Connection) -> str:
        db.execute("INSERT INTO names VALUES (?)", (name,))
        return name

    return work


def until(so: Callable[[], bool]) -> None:
    patience = time.monotonic() + 60
    while not so():
        assert time.monotonic() < patience
        time.sleep(0.001)


@contextmanager
def together(commits: Commits, *works: Callable[[sqlite3.Connection], Any]) -> Iterator[list[Future[Any]]]:
    """These writes wait, in this order, while a first one is being made; leaving it ends the first."""
    began, go_on, queue = threading.Event(), threading.Event(), commits._queue

    def first(db: sqlite3.Connection) -> None:
        began.set()
        go_on.wait()

    with ThreadPoolExecutor(len(works) + 1) as pool:
        leading = pool.submit(commits.run, first)
        began.wait()
        futures = []
        for work in works:
            futures.append(pool.submit(commits.run, work))
            until(lambda: len(queue) == len(futures))
        try:
            yield futures
        finally:
            go_on.set()
        leading.result()


def test_those_who_wait_share_one_transaction(file: Counted) -> None:
    commits, names = Commits(file, 30), [f"n{number:02}" for number in range(20)]
    with together(commits, *map(adds, names)) as futures:
        pass
    assert [future.result() for future in futures] == names
    assert file.begun == 2
    assert file.names() == names


def test_of_more_than_go_together_the_next_leads(file: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOGETHER", 4)
    names = [f"n{number}" for number in range(9)]
    with together(Commits(file, 30), *map(adds, names)) as futures:
        pass
    assert [future.result() for future in futures] == names
    assert file.begun == 1 + 3
    assert file.names() == names


@pytest.mark.parametrize("wrong", ["constraint", "program"])
def test_one_that_fails_fails_alone(file: Counted, wrong: str) -> None:
    def fails(db: sqlite3.Connection) -> None:
        adds("half")(db)
        if wrong == "program":
            raise ZeroDivisionError
        adds("a")(db)

    with together(Commits(file, 30), adds("a"), fails, adds("c")) as (one, two, three):
        pass
    assert (one.result(), three.result()) == ("a", "c")
    with pytest.raises(StoreError if wrong == "constraint" else ZeroDivisionError):
        two.result()
    assert file.begun == 2
    assert file.names() == ["a", "c"]


def test_on_a_full_disk_each_is_tried_alone(tmp_path: Path) -> None:
    file = Counted(tmp_path / "names.db", pages=64)

    def large(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO names VALUES (hex(zeroblob(65536)))")

    with together(Commits(file, 30), adds("a"), large, adds("c")) as (one, two, three):
        pass
    assert (one.result(), three.result()) == ("a", "c")
    with pytest.raises(StoreError, match="full"):
        two.result()
    assert file.names() == ["a", "c"]
    file.close()


def test_who_waits_too_long_is_refused_and_nothing_is_written(file: Counted) -> None:
    commits = Commits(file, 0.01)
    with together(commits), pytest.raises(StoreBusyError, match="no turn"):
        commits.run(adds("late"))
    assert commits.run(adds("later")) == "later"
    assert file.names() == ["later"]


def test_more_than_may_wait_are_refused_at_once(file: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 2)
    commits = Commits(file, 30)
    with together(commits, adds("a"), adds("b")), pytest.raises(StoreBusyError, match="wait already"):
        commits.run(adds("c"))
    assert file.names() == ["a", "b"]


def test_an_interrupted_leader_leaves_nobody_waiting(file: Counted) -> None:
    def ends(db: sqlite3.Connection) -> None:
        raise SystemExit

    commits = Commits(file, 30)
    with together(commits, ends, adds("b")) as (one, two):
        pass
    with pytest.raises(SystemExit):
        one.result()
    with pytest.raises(StoreError, match="interrupted"):
        two.result()
    assert commits.run(adds("c")) == "c"
    assert file.names() == ["c"]


def test_two_processes_take_turns(file: Counted, tmp_path: Path) -> None:
    """Two files are two lock holders, in one process or in two: flock(2) goes by the open file."""
    other = SqliteFile(tmp_path / "names.db", 0.01, lambda db: None)
    with file.write(), pytest.raises(StoreBusyError), other.write():
        pass
    with other.write() as db:
        adds("a")(db)
    assert file.names() == ["a"]
    other.close()


def test_a_session_that_begins_and_ends_in_one_commit(tmp_path: Path, clock: HandClock) -> None:
    store, held = SqliteStore(tmp_path / "sessions.db", clock=clock, busy_timeout=30), session()
    commits = store.commits
    with ThreadPoolExecutor(3) as pool:
        with together(commits):
            begun = pool.submit(store.add, held)
            until(lambda: len(commits._queue) == 1)
            ended = pool.submit(store.end, held)
            until(lambda: len(commits._queue) == 2)
            again = pool.submit(store.resume, held)
            until(lambda: len(commits._queue) == 3)
        begun.result()
        assert (ended.result(), again.result()) == (True, None)
    assert store.census().users == 0
    store.close()
