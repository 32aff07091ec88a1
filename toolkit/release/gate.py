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
from toolkit.project import Site
from toolkit.release import route
from toolkit.release.steps import Step, preview
from toolkit.rendering import reload
from toolkit.state import document as state
from toolkit.state.document import State
from toolkit.values import Duration


def pause(site: Site, seconds: float, argv: Sequence[str] = (), dry_run: bool = False) -> None:
    """Without `argv` the pause outlives us. Raises Failed when the command fails, and resumes all the same.

    The lock is held for as long as the command runs: nobody else's work may keep us from resuming.
    """
    if argv and not runner.which(argv[0]):
        raise Refused(f"{argv[0]} was not found", "there is nothing to run", "bgctl pause -- CMD ...")
    if not seconds:
        raise Refused(
            "--for off is no pause", "it would turn everybody away at once", "bgctl pause --for 30s"
        )
    with site.change("pause", dry_run):
        now = site.state()
        target = state.pause(now, _whole(site.now().timestamp() + seconds), site.now())
        if dry_run:
            return preview(_plan(site, target, seconds, argv), site.ui)
        stays = False
        try:
            _walk(site, _steps(site, target, seconds))
            stays = not argv
            if argv:
                _work(site, argv)
        finally:
            if not stays:
                _reopen(site)
    return None


def resume(site: Site, dry_run: bool = False) -> None:
    with site.change("resume", dry_run):
        now = site.state()
        _change(site, now, state.resume(now), "requests go through", dry_run)


def maintenance(site: Site, on: bool, dry_run: bool = False) -> None:
    with site.change(f"maintenance {'on' if on else 'off'}", dry_run):
        now = site.state()
        target = state.begin_maintenance(now, site.now()) if on else state.end_maintenance(now)
        _change(site, now, target, _served(site) if on else "everybody is served", dry_run)
    if on:
        _tell_stale(site)


def _change(site: Site, now: State, target: State, what: str, dry_run: bool) -> None:
    if dry_run:
        note = f"would write generation {target.generation}: {what}"
        preview([Step("gate", note, str, lambda: target != now)], site.ui)
    elif target == now:
        route.confirm(site, now)
        site.ui.say(f"nothing to do: {what} (generation {now.generation})")
    else:
        site.ui.line("ok", "gate", _switch(site, target, what), "green")


def _tell_stale(site: Site) -> None:
    """Who is allowed is what the proxy has loaded."""
    with suppress(BgctlError):  # what cannot be loaded, bgctl reload says
        if reload.is_loaded(site, reload.wanted(site)[0]):
            return
    site.ui.warn("the proxy has not loaded bgctl.toml as it is now; next: bgctl reload")


def _switch(site: Site, target: State, what: str) -> str:
    site.save(target)
    route.confirm(site, target)
    return f"{what} (generation {target.generation})"


def _served(site: Site) -> str:
    allowed = site.config.maintenance.allow
    return f"everybody gets the page, but for {', '.join(allowed)}" if allowed else "everybody gets the page"


def _steps(site: Site, target: State, seconds: float) -> list[Step]:
    within = min(site.config.drain.request_deadline, seconds / 2)  # the rest is the command's
    until = target.gate.until if target.gate else ""
    return [
        Step(
            "pause",
            f"hold new requests until {until}",
            lambda: _switch(site, target, f"new requests are held until {until}"),
        ),
        Step(
            "open requests",
            f"wait for them, up to {Duration(within):g} s",
            lambda: _wait_open(site, target.generation, within),
        ),
    ]


def _plan(site: Site, target: State, seconds: float, argv: Sequence[str]) -> list[Step]:
    plan = _steps(site, target, seconds)
    return [*plan, Step("command", " ".join(argv), str), Step("resume", "go on", str)] if argv else plan


def _walk(site: Site, steps: Sequence[Step]) -> None:
    for step in steps:
        with site.ui.step(step.name) as note:
            note(step.what)
            note(step.do())


def _wait_open(site: Site, generation: int, within: float) -> str:
    """Until the slots have answered what had come in before; WebSockets stay."""
    deadline = time.monotonic() + within
    while True:
        status = site.proxy.status()
        if status.applied(generation) and status.requests == 0:
            return "none"
        if time.monotonic() >= deadline:
            site.ui.warn(f"{status.requests} requests are still open after {within:g} s")
            return f"{status.requests} are still open"
        site.ui.progress(f"{status.requests} requests are open")
        time.sleep(POLL)


def _work(site: Site, argv: Sequence[str]) -> None:
    with site.ui.step("command") as note:
        note(" ".join(argv))
        code = runner.attend(argv, to_stderr=site.ui.as_json)
        if code:
            why = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
            raise Failed("the command failed", why, "mend it, then run the same command again")


def _reopen(site: Site) -> None:
    with _undisturbed(), site.ui.step("resume") as note:
        note("next: bgctl resume")
        note(_switch(site, state.resume(site.state()), "requests go through"))


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
