"""One share of a canary: watched until it is found good, or taken back."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from typing import NoReturn

from toolkit import slots
from toolkit.canary import criteria as hooks
from toolkit.canary.criteria import Moment
from toolkit.canary.window import Window
from toolkit.clients.proxy import reachable
from toolkit.errors import BgctlError, Failed, Locked
from toolkit.project import Project
from toolkit.release import route
from toolkit.state import transitions
from toolkit.state.document import State


@dataclass
class Findings:
    """Of one look: what is bad, and what is missing until it is good."""

    bad: str = ""
    missing: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.bad or self.missing)


class Trial:
    """`before` is the state in which it begins, `number` that of its first window. Times are seconds."""

    def __init__(
        self, project: Project, before: State, share: int, number: int, pause: float, interval: float
    ) -> None:
        self.project, self.share, self.pause, self.interval = project, share, pause, interval
        self.terms = project.config.canary
        self.patience = max(self.terms.patience, pause)
        self.before = before
        self.moment = _moment(before, share)
        self.begin(number)

    def begin(self, number: int) -> None:
        self.window = Window(self.moment.old, self.moment.new, number)
        self.start = time.monotonic()
        self.faults = 0

    def wait(self) -> str:
        """Until it is good; returns a note. Raises Failed when it was taken back, and MovedOn."""
        with self.project.ui.progress_bar("of the pause") as show:
            while True:
                found = self.look()
                route.check_still(self.project, self.before)
                if found.good or found.bad:
                    break
                done = min(1.0, self.window.seconds / self.pause)
                show(done, f"{self.share} %: {self.window}", "; ".join(found.missing))
                time.sleep(self.interval)
        if found.bad:
            self.end(found.bad)
        return str(self.window)

    def look(self) -> Findings:
        if self.project.state().gate:  # nobody gets through, to either version
            self.begin(self.window.number)
            return Findings(missing=["the gate is closed"])
        found = Findings()
        for ask in (
            self.ask_health,
            self.ask_figures,
            self.ask_prometheus,
            self.ask_command,
            self.ask_patience,
        ):
            if not found.bad:
                ask(found)
        return found

    def ask_health(self, found: Findings) -> None:
        """Where few requests come, the figures say late that green is down."""
        problem = slots.fault(self.project, "green", self.moment.new)
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
        verdict = self.window.judge(self.terms)
        if verdict.word == "bad":
            found.bad = verdict.why
            return
        left = self.pause - self.window.seconds
        found.missing += [f"{ceil(left)} s left"] * (left > 0) + [verdict.why] * bool(verdict.why)

    def ask_prometheus(self, found: Findings) -> None:
        try:
            found.bad = hooks.ask_prometheus(self.project, self.moment)
        except Failed as error:
            found.missing.append(str(error))

    def ask_command(self, found: Findings) -> None:
        """Once, when all else is good."""
        if found.good:
            found.bad = hooks.run_command(self.project, self.moment, self.patience)

    def ask_patience(self, found: Findings) -> None:
        if found.missing and time.monotonic() >= self.start + self.patience:
            found.bad = f"not found good within {self.patience:g} s: {'; '.join(found.missing)}"

    def end(self, why: str) -> NoReturn:
        """Everyone gets blue again, and the history the reason. Waits for whoever has the lock."""
        self.project.ui.line("bad", f"{self.share} %", why, "red")
        what = f"{self.moment.new} is taken back at {self.share} %"
        error = Failed(what, why, f"mend it, then: bgctl deploy {self.moment.new}", log_of(self.project))
        while True:
            try:
                with self.project.change(f"canary {self.share}"):
                    self.back(error)
            except Locked as other:
                self.project.ui.progress(f"{other}; waiting")
                time.sleep(self.interval)
                route.check_still(self.project, self.before)

    def back(self, error: Failed) -> NoReturn:
        """A proxy that does not confirm it is no reason to stop here: the file is what it will go by."""
        target = transitions.disable_green(route.check_still(self.project, self.before), self.project.now())
        try:
            self.project.ui.line("ok", "routing", route.switch(self.project, target), "green")
        except Failed as second:
            self.project.ui.warn(str(second))
        raise error


def log_of(project: Project) -> str:
    """Green's last lines: it may be gone soon."""
    with suppress(BgctlError):
        return "\n".join(filter(None, (project.engine.logs(name) for name in slots.names(project, "green"))))
    return ""


def _moment(now: State, share: int) -> Moment:
    if now.deployment is None:
        raise route.moved_on(now)
    return Moment(now.deployment.old, now.deployment.new, share)
