"""`bgctl pause`, `resume` and `maintenance`: what new requests come up against at the proxy."""

import math
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from toolkit.clients.proxy import POLL
from toolkit.engine import process as runner
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.project import Project
from toolkit.release import route
from toolkit.release.steps import Step, preview
from toolkit.rendering import reload
from toolkit.state import transitions
from toolkit.state.document import State
from toolkit.values import Duration


def pause(project: Project, seconds: float, argv: Sequence[str] = (), dry_run: bool = False) -> None:
    """Without `argv` the pause outlives us. Raises Failed when the command fails, and resumes all the same.

    The lock is held for as long as the command runs: nobody else's work may keep us from resuming.
    """
    if argv and not runner.which(argv[0]):
        raise Refused(f"{argv[0]} was not found", "there is nothing to run", "bgctl pause -- CMD ...")
    if not seconds:
        raise Refused(
            "--for off is no pause", "it would turn everybody away at once", "bgctl pause --for 30s"
        )
    with project.change("pause", dry_run):
        now = project.state()
        target = transitions.pause(now, _whole(project.now().timestamp() + seconds), project.now())
        if dry_run:
            return preview(_plan(project, target, seconds, argv), project.ui)
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
        preview([Step("gate", note, str, lambda: target != now)], project.ui)
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
            "pause",
            f"hold new requests until {until}",
            lambda: _switch(project, target, f"new requests are held until {until}"),
        ),
        Step(
            "open requests",
            f"wait for them, up to {Duration(within):g} s",
            lambda: _wait_open(project, target.generation, within),
        ),
    ]


def _plan(project: Project, target: State, seconds: float, argv: Sequence[str]) -> list[Step]:
    plan = _steps(project, target, seconds)
    return [*plan, Step("command", " ".join(argv), str), Step("resume", "go on", str)] if argv else plan


def _walk(project: Project, steps: Sequence[Step]) -> None:
    for step in steps:
        with project.ui.step(step.name) as note:
            note(step.what)
            note(step.do())


def _wait_open(project: Project, generation: int, within: float) -> str:
    """Until the slots have answered what had come in before; WebSockets stay."""
    deadline = time.monotonic() + within
    while True:
        status = project.proxy.status()
        if status.applied(generation) and status.open_requests == 0:
            return "none"
        if time.monotonic() >= deadline:
            project.ui.warn(f"{status.open_requests} requests are still open after {within:g} s")
            return f"{status.open_requests} are still open"
        project.ui.progress(f"{status.open_requests} requests are open")
        time.sleep(POLL)


def _work(project: Project, argv: Sequence[str]) -> None:
    with project.ui.step("command") as note:
        note(" ".join(argv))
        code = runner.attend(argv, to_stderr=project.ui.as_json)
        if code:
            why = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
            raise Failed("the command failed", why, "mend it, then run the same command again")


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
    """The next whole second: nobody is turned away before what was asked for."""
    return datetime.fromtimestamp(math.ceil(timestamp), UTC)
