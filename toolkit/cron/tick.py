"""`bgctl drain --auto`, for cron: one look, and what follows; nothing is said that nobody must know."""

import time
from pathlib import Path

from toolkit import slots
from toolkit.cron import rotation, throttle
from toolkit.errors import BgctlError, Failed, Locked, NotYet, Refused
from toolkit.jwks import refreshing
from toolkit.notices import outbox
from toolkit.project import Project
from toolkit.release import down, moments, needs, noting, promote, restart
from toolkit.release.remaining import DrainTerms, Remaining, remaining
from toolkit.state.document import State
from toolkit.terminal.ui import UI, BufferedUI

BRING_BACK = "bgctl up, or: bgctl rollback"
NOTE = "auto.json"  # in state/: what is wrong, and since when
LOG_NOTE = "log.json"  # and what is with the access log
KEYS_NOTE = "keys.json"  # and with the keys of identity providers


class Unknown(NotYet):
    """Nobody knows whether it is empty."""


class Down(NotYet):
    """Green, which serves people, does not. Not for the history, which it would fill every minute."""

    code = Refused.code


def run(project: Project, terms: DrainTerms) -> int:
    """The exit code. Promotes what is empty, or past its deadline; goes on with what was cut short."""
    shown, buffered = project.ui, BufferedUI()
    project.ui = shown if shown.watched else buffered
    keep_log_small(project, shown)
    keep_keys_fresh(project, shown)
    outbox.deliver(project, aloud=shown.watched)
    try:
        act(project, terms)
    except BgctlError as error:
        if must_be_said(project.state_dir, error, shown.watched):
            buffered.flush()
            shown.error(error)
            if isinstance(error, Failed | Down):
                moments.failed(project, error)
        return error.code
    finally:
        project.ui = shown
    buffered.flush()
    throttle.forget(project.state_dir / NOTE)
    return 0


def keep_log_small(project: Project, shown: UI) -> None:
    """Puts a large access log aside. What goes wrong with that keeps nothing else from being done."""
    note = project.state_dir / LOG_NOTE
    try:
        rotation.run(project)
    except BgctlError as error:
        if shown.watched or throttle.due(note, error.what, time.time()):
            shown.error(error)
    else:
        throttle.forget(note)


def keep_keys_fresh(project: Project, shown: UI) -> None:
    """Looks at the identity providers that are due. What goes wrong keeps nothing else from being done."""
    note = project.state_dir / KEYS_NOTE
    try:
        if not refreshing.is_wanted(project):
            return
        looks = refreshing.run(project, refreshing.due(project))
        for name, look in looks.items():
            if look.error:
                raise Failed(f"the keys of {name}", look.error, look.next)
    except BgctlError as error:
        if shown.watched or throttle.due(note, error.what, time.time()):
            shown.error(error)
    else:
        throttle.forget(note)


def act(project: Project, terms: DrainTerms) -> None:
    """Raises NotYet while it is not empty."""
    before = project.state()
    if slots.has_sessions(before) and down.is_down(project):
        raise NotYet("nothing runs here", "bgctl down has stopped it", "bgctl up")
    now = revive(project, before)
    noting.note(project)
    if now.phase == "draining":
        check(remaining(project, now, terms))
    elif now.phase != "promoting":
        if project.ui.watched:
            project.ui.say(f"nothing is draining in phase {now.phase}")
        return
    promote.check_direction(now)
    if now.deployment and now.deployment.is_restart:
        restart.check(project, now, now.deployment.new, build=False, pull=True)
        restart.run(project)  # it was cut short
        return
    try:
        promote.check(project, now, terms)  # what is refused every minute must not fill the history
        promote.run(project, terms)
    except promote.NotEmpty as error:  # somebody has come back this very moment
        raise NotYet(error.what, error.why) from None
    except Refused:
        if project.state().phase in ("draining", "promoting"):
            raise  # otherwise another bgctl has taken it back this very moment


def revive(project: Project, before: State) -> State:
    """Starts a green that serves people and is gone, such as after a reboot. Returns the state.

    Raises Down; also where it runs and does not answer, which a restart may not mend.
    """
    version = before.slots.green.version or ""
    if not slots.has_sessions(before) or promote.taken_over_by(before):
        return before
    if slots.serves(project, "green", version):
        slots.keep_running(project, before)
        return before
    problem = slots.fault(project, "green", version) or "it did not answer"
    if not slots.dead(project, "green"):
        raise Down("green is not healthy", problem, BRING_BACK)
    with project.change("start green"):
        if project.state() != before:
            return project.state()  # another bgctl was first
        try:
            needs.keep(project, "green", version)
            slots.start(project, "green", version)
        except BgctlError as error:
            raise Down("green is down", str(error), BRING_BACK, error.detail) from None
        slots.keep_running(project, before)
    project.ui.say_now(f"green was down ({problem}): it has been started again")
    return before


def check(left: Remaining) -> None:
    """Raises NotYet unless it may be promoted."""
    if left.empty or left.overdue:
        return
    if left.unknown:
        raise Unknown("not yet", f"{left}; next: bgctl up, or: bgctl doctor")
    raise NotYet("not yet", f"{left}; next: wait, or: bgctl route disable-blue")


def must_be_said(state_dir: Path, error: BgctlError, watched: bool) -> bool:
    """People who are left, and another bgctl, are no trouble; an unknown count is if it stays so."""
    if watched:
        return True
    path, now = state_dir / NOTE, time.time()
    if isinstance(error, Unknown):
        return throttle.due(path, "unknown", now, throttle.PATIENCE)
    if isinstance(error, Locked):
        return False  # which says nothing of how things are
    if isinstance(error, NotYet) and not isinstance(error, Down):
        throttle.forget(path)
        return False
    return throttle.due(path, error.what, now)
