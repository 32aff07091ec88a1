"""Named steps, walked in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from toolkit.errors import BgctlError
from toolkit.ui import UI


def always() -> bool:
    return True


def nothing() -> None:
    return None


@dataclass(frozen=True)
class Step:
    """`do` returns a note for its line. `undo` runs when `do` fails, and must not mind how far `do` came."""

    name: str
    what: str
    do: Callable[[], str]
    needed: Callable[[], bool] = always
    undo: Callable[[], object] = nothing


def walk(steps: Sequence[Step], ui: UI, dry_run: bool = False) -> None:
    """Raises what a step raises. A dry run only says what would be done, as things stand now."""
    if dry_run:
        return preview(steps, ui)
    for step in steps:
        if not step.needed():
            ui.line("-", step.name, "nothing to do", "dim")
            continue
        with ui.step(step.name) as note:
            note(step.what)
            try:
                note(step.do())
            except BgctlError:
                _undo(step, ui)
                raise
    return None


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
