"""Makes each change of a project under its lock, and adds a line about it to the history."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from session_api.errors import SetupError
from toolkit.clock import Clock
from toolkit.errors import BgctlError, Failed, NotYet, Refused
from toolkit.files import adoption_file, history, lock
from toolkit.state.document import State
from toolkit.values import stamp

ADOPT = "adopt"  # how a change begins that goes on with an adoption, or takes it back


@dataclass(frozen=True)
class Changes:
    """`command` is the command line that makes the changes. `state` reads the state, or gives None.

    `warn` tells the operator about a line that could not be added.
    """

    state_dir: Path
    history_path: Path
    command: str
    state: Callable[[], State | None]
    warn: Callable[[str], None]
    clock: Clock

    @contextmanager
    def make(self, what: str, wait: float = 0) -> Iterator[None]:
        """Holds the lock over a change and then adds its line, whatever came of it.

        `wait`: seconds for another bgctl to end. Raises Locked while one is at work, and Refused while an
        adoption is only half done.
        """
        with lock.held(self.state_dir, self.command, self.clock.now(), wait) as killed:
            if killed:
                self._record_killed(killed)
            if not what.startswith(ADOPT):
                adoption_file.check(self.state_dir)
            start, before = self.clock.monotonic(), self.state()
            try:
                yield
            except NotYet:
                raise  # It changed nothing and has said so. From cron it would fill the history.
            except BaseException as error:
                self._record_failure(what, before, start, error)
                raise
            self._record(what, before, start, "done", "")

    def _record_killed(self, last: lock.Holder) -> None:
        """Adds the line of a command that was killed before it could add its own."""
        now = self.state()
        release = now.deployment if now else None
        entry = history.Entry(
            last.since,
            last.user,
            last.command,
            last.command,
            release.old if release else None,
            release.new if release else None,
            now.generation if now else None,
            0,
            "interrupted",
            f"it ended without a word (pid {last.pid}): killed, or the machine stopped",
        )
        try:
            history.append(self.history_path, entry)
        except Failed as error:
            self.warn(str(error))

    def _record_failure(self, what: str, before: State | None, start: float, error: BaseException) -> None:
        if isinstance(error, SetupError):  # The key ring refuses with an error of its own.
            error = Refused(error.what)
        outcome = "refused" if isinstance(error, Refused) else "failed"
        if isinstance(error, KeyboardInterrupt):
            outcome = "interrupted"
        why = str(error) if isinstance(error, BgctlError) else type(error).__name__
        try:
            self._record(what, before, start, outcome, why)
        except Failed as second:
            self.warn(str(second))  # The first failure is the one that is raised.

    def _record(self, what: str, before: State | None, start: float, outcome: str, why: str) -> None:
        after = self.state()
        release = (after and after.deployment) or (before and before.deployment)
        entry = history.Entry(
            stamp(self.clock.now()),
            lock.whoami(),
            self.command,
            what,
            release.old if release else None,
            release.new if release else None,
            after.generation if after else None,
            round(self.clock.monotonic() - start, 3),
            outcome,
            why,
        )
        history.append(self.history_path, entry)
