"""One share of a canary: it is watched until it is found good, or is taken back."""

from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from typing import NoReturn

from toolkit import slots
from toolkit.canary import own_criteria
from toolkit.canary.own_criteria import Variables
from toolkit.canary.window import Window
from toolkit.clients.proxy import reachable
from toolkit.errors import BgctlError, Failed, Locked
from toolkit.project import Project
from toolkit.release import noting, route
from toolkit.release.moved_on import check_still, moved_on
from toolkit.state import transitions
from toolkit.state.document import State


@dataclass
class Findings:
    """What one look has found: what is bad, and what is missing until the share is good."""

    bad: str = ""
    missing: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.bad or self.missing)


class CanaryStep:
    """`before` is the state in which it begins, `number` that of its first window. Times are in seconds."""

    def __init__(
        self, project: Project, before: State, share: int, number: int, pause: float, interval: float
    ) -> None:
        self.project, self.share, self.pause, self.interval = project, share, pause, interval
        self.settings = project.config.canary
        self.patience = max(self.settings.patience, pause)
        self.before = before
        self.variables = _variables(before, share)
        self.begin(number)

    def begin(self, number: int) -> None:
        clock = self.project.clock.monotonic
        self.window = Window(self.variables.old, self.variables.new, number, clock)
        self.start = clock()
        self.faults = 0

    def wait(self) -> str:
        """Waits until the share is good; returns a note. Raises Failed when it was taken back, or MovedOn."""
        with self.project.ui.progress_bar("of the pause") as show:
            for _ in self.project.clock.every(self.interval):
                found = self.look()
                noting.note(self.project)
                check_still(self.project, self.before)
                if found.good or found.bad:
                    break
                done = min(1.0, self.window.seconds / self.pause)
                show(done, f"{self.share} %: {self.window}", "; ".join(found.missing))
        if found.bad:
            self.take_back(found.bad)
        return str(self.window)

    def look(self) -> Findings:
        if self.project.state().gate:  # While the gate is closed neither version gets requests.
            self.begin(self.window.number)
            return Findings(missing=["the gate is closed"])
        found = Findings()
        for criterion in (
            self.ask_health,
            self.ask_figures,
            self.ask_prometheus,
            self.ask_command,
            self.ask_patience,
        ):
            if not found.bad:
                criterion(found)
        return found

    def ask_health(self, found: Findings) -> None:
        """With few requests the figures show late that green is down: the health check shows it sooner."""
        problem = slots.fault(self.project, "green", self.variables.new)
        self.faults = self.faults + 1 if problem else 0
        if self.faults >= self.project.config.health.fails:
            found.bad = f"green is not healthy: {problem}"
        elif problem:
            found.missing.append(f"green is not healthy: {problem}")

    def ask_figures(self, found: Findings) -> None:
        status = reachable(self.project.proxy)
        if status is None:
            found.missing.append("the proxy does not answer")
            return
        if why := self.window.take(status):
            self.project.ui.say(f"     ... {why}: the window begins anew")
        verdict = self.window.judge(self.settings)
        if verdict.word == "bad":
            found.bad = verdict.why
            return
        left = self.pause - self.window.seconds
        found.missing += [f"{ceil(left)} s left"] * (left > 0) + [verdict.why] * bool(verdict.why)

    def ask_prometheus(self, found: Findings) -> None:
        try:
            found.bad = own_criteria.ask_prometheus(self.project, self.variables)
        except Failed as error:
            found.missing.append(str(error))

    def ask_command(self, found: Findings) -> None:
        """Runs the operator's command once, when all else is good."""
        if found.good:
            found.bad = own_criteria.run_command(self.project, self.variables, self.patience)

    def ask_patience(self, found: Findings) -> None:
        if found.missing and self.project.clock.monotonic() >= self.start + self.patience:
            found.bad = f"not found good within {self.patience:g} s: {'; '.join(found.missing)}"

    def take_back(self, why: str) -> NoReturn:
        """Gives everyone blue again, as soon as the lock is free. Raises Failed with the reason."""
        self.project.ui.line("bad", f"{self.share} %", why, "red")
        new = self.variables.new
        what, next = f"{new} is taken back at {self.share} %", f"mend it, then: bgctl deploy {new}"
        error = Failed(what, why, next, log_of(self.project))
        for _ in self.project.clock.every(self.interval):
            check_still(self.project, self.before)
            try:
                with self.project.change(f"canary {self.share}"):
                    self._disable_green(error)
            except Locked as other:
                self.project.ui.progress(f"{other}; waiting")
        raise AssertionError("unreachable: the loop ends with an error only")

    def _disable_green(self, error: Failed) -> NoReturn:
        """Raises `error`, for the history. A proxy that does not confirm will go by the file all the same."""
        target = transitions.disable_green(check_still(self.project, self.before), self.project.now())
        try:
            self.project.ui.line("ok", "routing", route.switch(self.project, target), "green")
        except Failed as second:
            self.project.ui.warn(str(second))
        raise error


def log_of(project: Project) -> str:
    """The last log lines of green, which may be gone soon."""
    with suppress(BgctlError):
        return "\n".join(filter(None, (project.engine.logs(name) for name in slots.names(project, "green"))))
    return ""


def _variables(now: State, share: int) -> Variables:
    if now.deployment is None:
        raise moved_on(now)
    return Variables(now.deployment.old, now.deployment.new, share)
