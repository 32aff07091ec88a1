"""Named steps, walked in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from toolkit.errors import BgctlError, Failed, Locked, MovedOn, Refused
from toolkit.terminal.ui import UI


def always() -> bool:
    return True


def nothing() -> None:
    return None


@dataclass(frozen=True)
class Step:
    """`do` returns a note for its line; `otherwise` is that line when there is nothing to do.

    `undo` runs when `do` fails or is interrupted, and must not mind how far `do` came; `back` says what it
    does. With `stays` an interruption leaves it as it is.
    """

    name: str
    what: str
    do: Callable[[], str]
    needed: Callable[[], bool] = always
    undo: Callable[[], object] = nothing
    back: str = ""
    otherwise: str = "nothing to do"
    stays: bool = False


def walk(steps: Sequence[Step], ui: UI, dry_run: bool = False, take_back: bool = False) -> None:
    """Raises what a step raises; what would be Refused is Failed when a step before it has changed something.

    `take_back`: a failure undoes those before it, too, last first. A dry run only says what would be done, as
    things stand now.
    """
    if dry_run:
        return preview(steps, ui)
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


def _half_way(error: Refused, done: str) -> Failed:
    why, next = f"{error.why}; up to {done} it is done", "run the same command again"
    return Failed(error.what, why, f"{error.next}, then {next}" if error.next else next)


def _taken_back(error: BgctlError, done: Sequence[Step], ui: UI) -> Failed:
    undone = [step.name for step in reversed(done) if _undo(step, ui) and step.back]
    why = f"{error.why}; undone: {', '.join(undone)}" if undone else error.why
    return Failed(error.what, why, error.next, error.detail)


def _take(step: Step, ui: UI) -> bool:
    """Whether there was anything to do."""
    if not step.needed():
        ui.line("-", step.name, step.otherwise, "dim")
        return False
    try:
        with ui.step(step.name) as note:
            note(step.what)
            note(step.do())
    except (Locked, MovedOn):
        raise  # somebody else is at work: what is there now may be theirs
    except (BgctlError, KeyboardInterrupt) as error:
        if not (step.stays and isinstance(error, KeyboardInterrupt)):
            _undo(step, ui)
        raise
    return True


def _undo(step: Step, ui: UI) -> bool:
    """Whether it is undone."""
    try:
        if not step.back:
            step.undo()
            return True
        with ui.step(step.name, "undo") as note:
            note("could not be undone")
            step.undo()
            note(step.back)
    except BgctlError as second:
        ui.warn(f"{step.name} could not be undone: {second}")  # the first failure is the one to report
        return False
    return True


def preview(steps: Sequence[Step], ui: UI) -> None:
    plan = [_planned(step) for step in steps]
    if ui.as_json:
        ui.emit({"dryRun": True, "steps": plan})
        return
    for step, entry in zip(steps, plan, strict=True):
        ui.line("plan" if entry["needed"] else "-", step.name, _words(step, bool(entry["needed"])))
    ui.say("dry run: nothing has been changed")


def _words(step: Step, needed: bool) -> str:
    if not needed:
        return step.what if step.otherwise == Step.otherwise else step.otherwise
    return f"{step.what} (undo: {step.back})" if step.back else step.what


def _planned(step: Step) -> dict[str, object]:
    planned: dict[str, object] = {"step": step.name, "what": step.what, "needed": step.needed()}
    if not planned["needed"]:
        planned["otherwise"] = step.otherwise
    return planned | ({"undo": step.back} if step.back else {})
