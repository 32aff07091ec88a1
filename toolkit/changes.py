"""Makes each change of a project under its lock, and adds a line about it to the history."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from session_api.errors import SetupError
from toolkit.clients.look import Look
from toolkit.clock import Clock
from toolkit.errors import BgctlError, Failed, NotYet, Refused
from toolkit.figures_taken import Figures
from toolkit.files import adoption_file, history, lock
from toolkit.state.document import Deployment, State
from toolkit.terminal.ui import UI
from toolkit.values import stamp

if TYPE_CHECKING:
    from toolkit.cluster.lease import Holder

KILLED = "it ended without a word (pid {pid}): killed, or the machine stopped"
LOST = "its lease ended by itself (pid {pid} on {host}): killed, stopped, or cut off from Redis"
ADOPT = "adopt"  # how a change begins that goes on with an adoption, or takes it back


@dataclass(frozen=True)
class Changes:
    """`command` is the command line that makes the changes. `state` reads the state, or gives None.

    `ui` tells the operator about a line that could not be added, and knows which steps were taken. `figures`
    notes what users see of a release.
    """

    state_dir: Path
    command: str
    state: Callable[[], State | None]
    ui: Callable[[], UI]
    figures: Figures

    @property
    def clock(self) -> Clock:
        return self.figures.clock

    @property
    def history_path(self) -> Path:
        return self.state_dir / "history.jsonl"

    @contextmanager
    def make(
        self,
        what: str,
        wait: float = 0,
        also: "Callable[[], AbstractContextManager[Holder | None]]" = nullcontext,
    ) -> Iterator[None]:
        """Holds the lock over a change and then adds its line, whatever came of it.

        `wait`: seconds for another bgctl to end. `also` is held, too, and gives who had it before and has not
        given it back. Raises Locked while one is at work, and Refused while an adoption is only half done.
        """
        with lock.held(self.state_dir, self.command, self.clock.now(), wait) as killed, also() as lost:
            if killed:
                self._record_ended(killed.since, killed.user, killed.command, KILLED.format(pid=killed.pid))
            if lost and not (killed and (killed.host, killed.pid) == (lost.host, lost.pid)):
                self._record_ended(
                    lost.since, lost.who, lost.command, LOST.format(pid=lost.pid, host=lost.host)
                )
            if not what.startswith(ADOPT):
                adoption_file.check(self.state_dir)
            made = Made(what, self.state(), self.clock.monotonic(), len(self.ui().taken), self.figures.look())
            try:
                yield
            except NotYet:
                raise  # It changed nothing and has said so. From cron it would fill the history.
            except BaseException as error:
                self._record_failure(made, error)
                raise
            self._record(made, "done", "")

    def _record_ended(self, since: str, who: str, command: str, why: str) -> None:
        """Adds the line of a command that has ended before it could add its own."""
        now = self.state()
        release = now.deployment if now else None
        entry = history.Entry(
            since,
            who,
            command,
            command,
            release.old if release else None,
            release.new if release else None,
            now.generation if now else None,
            0,
            "interrupted",
            why,
            release.id if release else None,
        )
        try:
            history.append(self.history_path, entry)
        except Failed as error:
            self.ui().warn(str(error))

    def _record_failure(self, made: "Made", error: BaseException) -> None:
        if isinstance(error, SetupError):  # The key ring refuses with an error of its own.
            error = Refused(error.what)
        outcome = "refused" if isinstance(error, Refused) else "failed"
        if isinstance(error, KeyboardInterrupt):
            outcome = "interrupted"
        why = str(error) if isinstance(error, BgctlError) else type(error).__name__
        try:
            self._record(made, outcome, why)
        except Failed as second:
            self.ui().warn(str(second))  # The first failure is the one that is raised.

    def _record(self, made: "Made", outcome: str, why: str) -> None:
        after = self.state()
        release = (after and after.deployment) or (made.before and made.before.deployment)
        entry = history.Entry(
            stamp(self.clock.now()),
            lock.whoami(),
            self.command,
            made.what,
            release.old if release else None,
            release.new if release else None,
            after.generation if after else None,
            round(self.clock.monotonic() - made.start, 3),
            outcome,
            why,
            release.id if release else None,
            tuple(self.ui().taken[made.taken :]),
        )
        history.append(self.history_path, entry)
        if release:
            self._note(release, made)

    def _note(self, release: Deployment, made: "Made") -> None:
        """A figure that cannot be kept is a warning, and no more."""
        try:
            self.figures.note(release, made.look, made.what, "begin")
            self.figures.note(release, self.figures.look(), made.what, "end")
        except Failed as error:
            self.ui().warn(f"what users saw of this is not kept: {error}")


@dataclass(frozen=True)
class Made:
    """A change while it is made: the state before it, when it began, the steps and the figures before it."""

    what: str
    before: State | None
    start: float
    taken: int
    look: Look
