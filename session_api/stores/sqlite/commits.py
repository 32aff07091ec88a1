"""Writes that wait at the same time share one transaction, and so one wait for the disk (group commit).

Whoever finds no one at work leads: takes all that waits, writes it, commits, and answers. What comes
meanwhile waits for the next leader, who is the first of those that wait. So there is no thread to start or to
end, and a caller is answered only after the commit that holds its write.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from session_api.stores.store import StoreBusyError, StoreError

T = TypeVar("T")
TOGETHER = 64  # writes in one transaction
WAITING = 1024  # writes that may wait; more are refused at once
ENDED = "the writer was interrupted, so this write was not made"


class Transactions(Protocol):
    """An SQLite file, as far as it is written."""

    def write(self) -> AbstractContextManager[sqlite3.Connection]:
        """A transaction that is on the disk when it is left. Raises StoreError."""

    def failed(self, error: Exception) -> StoreError:
        """What callers hear of an error of SQLite."""


class Write:
    """One caller's write: what is to be done, and what came of it."""

    def __init__(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self.leads = self.is_taken = False
        self._call = threading.Lock()  # released to wake the caller; an Event costs ten times as much
        self._call.acquire()

    def wait(self, seconds: float = -1) -> bool:
        """Whether the caller was woken, to lead or with the answer; -1 waits for ever."""
        return self._call.acquire(timeout=seconds)

    def wake(self) -> None:
        self._call.release()

    def attempt(self, db: sqlite3.Connection) -> None:
        """Make the write. What is wrong with it (a breach of a constraint) is undone alone.

        Raises sqlite3.Error for what is wrong with the file.
        """
        db.execute("SAVEPOINT one")
        try:
            self.result = self.work(db)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
                raise
            db.execute("ROLLBACK TO one")
            self.error = error
        db.execute("RELEASE one")


class Commits:
    """`patience` is how many seconds a write waits for its turn."""

    def __init__(self, file: Transactions, patience: float) -> None:
        self._file = file
        self._patience = patience
        self._guard = threading.Lock()
        self._queue: deque[Write] = deque()
        self._is_led = False

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, once it is on the disk. It may be called again after it failed with others.

        Raises StoreError, and what `work` raises.
        """
        write = self._enter(work)
        if write.leads or self._is_to_lead(write):
            self._lead()
        if isinstance(write.error, sqlite3.Error):
            raise self._file.failed(write.error) from write.error
        if write.error is not None:
            raise write.error
        return write.result  # type: ignore[no-any-return]  # the queue holds writes of all kinds

    def _enter(self, work: Callable[[sqlite3.Connection], Any]) -> Write:
        write = Write(work)
        with self._guard:
            if len(self._queue) >= WAITING:
                raise StoreBusyError(f"{WAITING} writes wait already")
            self._queue.append(write)
            write.leads, self._is_led = not self._is_led, True
        return write

    def _is_to_lead(self, write: Write) -> bool:
        """Wait for the answer, or for the turn to lead. Raises StoreBusyError after too long in the queue."""
        if not write.wait(self._patience):
            with self._guard:
                if not write.is_taken and not write.leads:
                    self._queue.remove(write)
                    raise StoreBusyError(f"no turn at writing within {self._patience:g} s")
            write.wait()  # it is being written, or was woken just now
        return write.leads

    def _lead(self) -> None:
        with self._guard:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), TOGETHER))]
            for write in batch:
                write.is_taken = True
        ended: BaseException | None = StoreError(ENDED)
        try:
            self._commit(batch)
            ended = None
        finally:
            for write in batch:
                write.error = write.error or ended
                write.wake()
            self._hand_on()

    def _hand_on(self) -> None:
        with self._guard:
            self._is_led = bool(self._queue)
            if self._queue:
                self._queue[0].leads = True
                self._queue[0].wake()

    def _commit(self, batch: list[Write]) -> None:
        """Together; where the file fails them (full, damaged), each alone: a small one may have room yet."""
        try:
            with self._file.write() as db:
                for write in batch:
                    write.attempt(db)
        except StoreError as error:
            for write in batch:
                write.result, write.error = None, error
            if len(batch) > 1 and not isinstance(error, StoreBusyError):
                for write in batch:
                    self._commit_alone(write)

    def _commit_alone(self, write: Write) -> None:
        write.error = None
        try:
            with self._file.write() as db:
                write.attempt(db)
        except StoreError as error:
            write.error = error
