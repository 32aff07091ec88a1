"""A runbook: named steps, which are walked in order, and undone where one fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from toolkit.errors import BgctlError, Failed, Locked, MovedOn, Refused
from toolkit.terminal.ui import UI

NOTHING_TO_DO = "nothing to do"


def always() -> bool:
    return True


def nothing() -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of a runbook.

    `what` says what the step does, and `do` does it and returns a note for the line. Where the step is not
    `needed`, its line says `skipped`. `undo` runs when `do` fails or is interrupted; it has to cope with a
    `do` that came only half-way, and `undone` says what it has achieved. With `stays` an interruption does
    not undo the step.
    """

    name: str
    what: str
    do: Callable[[], str]
    needed: Callable[[], bool] = always
    skipped: str = NOTHING_TO_DO
    undo: Callable[[], object] = nothing
    undone: str = ""
    stays: bool = False


def walk(steps: Sequence[Step], ui: UI, dry_run: bool = False, take_back: bool = False) -> None:
    """Takes the steps one after the other. A dry run only shows the plan, as things stand now.

    Raises what a step raises, but Failed for a Refused when a step before it has changed something.
    `take_back`: a failure also undoes the steps before it, the last one first.
    """
    if dry_run:
        return show_plan(steps, ui)
    done: list[Step] = []
    for step in steps:
        try:
            done += [step] if _take(step, ui) else []
        except MovedOn:
            raise
        except (Refused, Failed) as error:
            if done and take_back:
                raise _taken_back(error, done, ui) from None
            if done and isinstance(error, Refused):
                raise _half_way(error, done[-1].name) from None
            raise
    return None


def _take(step: Step, ui: UI) -> bool:
    """Whether there was anything to do."""
    if not step.needed():
        ui.line("-", step.name, step.skipped, "dim")
        return False
    try:
        with ui.step(step.name) as note:
            note(step.what)
            note(step.do())
    except (Locked, MovedOn):
        raise  # Another bgctl is at work: what there is to undo may be its work.
    except (BgctlError, KeyboardInterrupt) as error:
        if not (step.stays and isinstance(error, KeyboardInterrupt)):
            _undo(step, ui)
        raise
    return True


def _undo(step: Step, ui: UI) -> bool:
    """Whether it is undone. Warns where not: the failure before it is the one that is raised."""
    try:
        if not step.undone:
            step.undo()
            return True
        with ui.step(step.name, "undo") as note:
            note("could not be undone")
            step.undo()
            note(step.undone)
    except BgctlError as second:
        ui.warn(f"{step.name} could not be undone: {second}")
        return False
    return True


def _taken_back(error: BgctlError, done: Sequence[Step], ui: UI) -> Failed:
    undone = [step.name for step in reversed(done) if _undo(step, ui) and step.undone]
    why = f"{error.why}; undone: {', '.join(undone)}" if undone else error.why
    return Failed(error.what, why, error.next, error.detail)


def _half_way(error: Refused, done: str) -> Failed:
    why, next = f"{error.why}; up to {done} it is done", "run the same command again"
    return Failed(error.what, why, f"{error.next}, then {next}" if error.next else next)


def show_plan(steps: Sequence[Step], ui: UI) -> None:
    """What a dry run prints."""
    plan = [_planned(step) for step in steps]
    if ui.as_json:
        ui.emit({"dryRun": True, "steps": plan})
        return
    for step, entry in zip(steps, plan, strict=True):
        ui.line("plan" if entry["needed"] else "-", step.name, _words(step, bool(entry["needed"])))
    ui.say("dry run: nothing has been changed")


def _planned(step: Step) -> dict[str, object]:
    planned: dict[str, object] = {"step": step.name, "what": step.what, "needed": step.needed()}
    if not planned["needed"]:
        planned["otherwise"] = step.skipped
    return planned | ({"undo": step.undone} if step.undone else {})


def _words(step: Step, needed: bool) -> str:
    if not needed:
        return step.what if step.skipped == NOTHING_TO_DO else step.skipped
    return f"{step.what} (undo: {step.undone})" if step.undone else step.what
