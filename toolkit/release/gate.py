"""`bgctl pause`, `resume` and `maintenance`: they close and open the gate of the proxy for new requests."""

import math
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from toolkit import hooks
from toolkit.clients.proxy import POLL
from toolkit.errors import BgctlError, Refused
from toolkit.project import Project
from toolkit.release import route
from toolkit.release.steps import Step, show_plan
from toolkit.rendering import reload
from toolkit.state import transitions
from toolkit.state.document import State
from toolkit.terminal import humanize
from toolkit.values import Duration


def pause(project: Project, seconds: float, argv: Sequence[str] = (), dry_run: bool = False) -> None:
    """Holds new requests while the command `argv` runs; without one the pause outlives this bgctl.

    Raises Failed when the command fails, and resumes all the same. The lock is held for as long as the
    command runs: no other bgctl may keep this one from resuming.
    """
    if argv:
        hooks.check(argv, "bgctl pause -- CMD ...")
    if not seconds:
        raise Refused(
            "--for off is no pause", "it would turn everybody away at once", "bgctl pause --for 30s"
        )
    with project.change("pause", dry_run):
        now = project.state()
        target = transitions.pause(now, _whole(project.now().timestamp() + seconds), project.now())
        if dry_run:
            return show_plan(_plan(project, target, seconds, argv), project.ui)
        stays = False
        try:
            _walk(project, _steps(project, target, seconds))
            stays = not argv
            if argv:
                _work(project, argv)
        finally:
            if not stays:
                _reopen(project)
    return None


def resume(project: Project, dry_run: bool = False) -> None:
    with project.change("resume", dry_run):
        now = project.state()
        _change(project, now, transitions.resume(now), "requests go through", dry_run)


def maintenance(project: Project, on: bool, dry_run: bool = False) -> None:
    with project.change(f"maintenance {'on' if on else 'off'}", dry_run):
        now = project.state()
        target = transitions.begin_maintenance(now, project.now()) if on else transitions.end_maintenance(now)
        _change(project, now, target, _served(project) if on else "everybody is served", dry_run)
    if on:
        _tell_stale(project)


def _change(project: Project, now: State, target: State, what: str, dry_run: bool) -> None:
    if dry_run:
        note = f"would write generation {target.generation}: {what}"
        show_plan([Step(name="gate", what=note, do=str, needed=lambda: target != now)], project.ui)
    elif target == now:
        route.confirm(project, now)
        project.ui.say(f"nothing to do: {what} (generation {now.generation})")
    else:
        project.ui.line("ok", "gate", _switch(project, target, what), "green")


def _tell_stale(project: Project) -> None:
    """Who is allowed is what the proxy has loaded."""
    with suppress(BgctlError):  # what cannot be loaded, bgctl reload says
        if reload.is_loaded(project, reload.wanted(project)[0]):
            return
    project.ui.warn("the proxy has not loaded bgctl.toml as it is now; next: bgctl reload")


def _switch(project: Project, target: State, what: str) -> str:
    project.save(target)
    route.confirm(project, target)
    return f"{what} (generation {target.generation})"


def _served(project: Project) -> str:
    allowed = project.config.maintenance.allow
    return f"everybody gets the page, but for {', '.join(allowed)}" if allowed else "everybody gets the page"


def _steps(project: Project, target: State, seconds: float) -> list[Step]:
    within = min(project.config.drain.request_deadline, seconds / 2)  # the rest is the command's
    until = target.gate.until if target.gate else ""
    return [
        Step(
            name="pause",
            what=f"hold new requests until {until}",
            do=lambda: _switch(project, target, f"new requests are held until {until}"),
        ),
        Step(
            name="open requests",
            what=f"wait for them, up to {Duration(within):g} s",
            do=lambda: _wait_open(project, target.generation, within),
        ),
    ]


def _plan(project: Project, target: State, seconds: float, argv: Sequence[str]) -> list[Step]:
    """All steps of a dry run. The last two are not walked: a pause resumes even where the command fails."""
    plan = _steps(project, target, seconds)
    if not argv:
        return plan
    command = Step(name="command", what=" ".join(argv), do=str)
    return [*plan, command, Step(name="resume", what="go on", do=str)]


def _walk(project: Project, steps: Sequence[Step]) -> None:
    for step in steps:
        with project.ui.step(step.name) as note:
            note(step.what)
            note(step.do())


def _wait_open(project: Project, generation: int, within: float) -> str:
    """Waits until the slots have answered the requests that came before the pause. WebSockets stay open."""
    for _ in project.clock.every(POLL, within=within):
        status = project.proxy.status()
        if status.applied(generation) and status.open_requests == 0:
            return "none"
        project.ui.progress(f"open: {humanize.many(status.open_requests, 'requests')}")
    project.ui.warn(f"still open after {within:g} s: {humanize.many(status.open_requests, 'requests')}")
    return f"{status.open_requests} are still open"


def _work(project: Project, argv: Sequence[str]) -> None:
    with project.ui.step("command") as note:
        note(" ".join(argv))
        hooks.attend(argv, to_stderr=project.ui.as_json)


def _reopen(project: Project) -> None:
    with _undisturbed(), project.ui.step("resume") as note:
        note("next: bgctl resume")
        note(_switch(project, transitions.resume(project.state()), "requests go through"))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave the gate closed."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _whole(timestamp: float) -> datetime:
    """The next whole second, so that no request is turned away earlier than the operator has asked for."""
    return datetime.fromtimestamp(math.ceil(timestamp), UTC)
