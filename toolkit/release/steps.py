"""Named steps, walked in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from toolkit.errors import BgctlError, Failed, Refused
from toolkit.ui import UI


def always() -> bool:
    return True


def nothing() -> None:
    return None


@dataclass(frozen=True)
class Step:
    """`do` returns a note for its line.

    `undo` runs when `do` fails or is interrupted, and must not mind how far `do` came.
    """

    name: str
    what: str
    do: Callable[[], str]
    needed: Callable[[], bool] = always
    undo: Callable[[], object] = nothing


def walk(steps: Sequence[Step], ui: UI, dry_run: bool = False) -> None:
    """Raises what a step raises; what would be Refused is Failed when a step before it has changed something.

    A dry run only says what would be done, as things stand now.
    """
    if dry_run:
        return preview(steps, ui)
    done = ""
    for step in steps:
        try:
            done = step.name if _take(step, ui) else done
        except Refused as error:
            if not done:
                raise
            why, next = f"{error.why}; up to {done} it is done", "run the same command again"
            raise Failed(error.what, why, f"{error.next}, then {next}" if error.next else next) from None
    return None


def _take(step: Step, ui: UI) -> bool:
    """Whether there was anything to do."""
    if not step.needed():
        ui.line("-", step.name, "nothing to do", "dim")
        return False
    with ui.step(step.name) as note:
        note(step.what)
        try:
            note(step.do())
        except (BgctlError, KeyboardInterrupt):
            _undo(step, ui)
            raise
    return True


def _undo(step: Step, ui: UI) -> None:
    try:
        step.undo()
    except BgctlError as second:
        ui.warn(f"{step.name} could not be undone: {second}")  # the first failure is the one to report


def preview(steps: Sequence[Step], ui: UI) -> None:
    plan = [{"step": step.name, "what": step.what, "needed": step.needed()} for step in steps]
    if ui.as_json:
        ui.emit({"dryRun": True, "steps": plan})
        return
    for entry in plan:
        ui.line("plan" if entry["needed"] else "-", str(entry["step"]), str(entry["what"]))
    ui.say("dry run: nothing has been changed")
