"""`bgctl init` from its beginning to its end: look, choose, plan, show; only the caller writes."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from toolkit import config
from toolkit.checks import neighbours
from toolkit.config import Config
from toolkit.config.edge_tables import Proxy
from toolkit.engine import build_context, git, ports
from toolkit.errors import Failed, Refused
from toolkit.init import chosen, farewell, guesses, probe, surroundings, text, writing
from toolkit.init.files import Change
from toolkit.init.guesses import Guess
from toolkit.init.plan import Given, Plan
from toolkit.init.planning import Planner, Seeing
from toolkit.init.questions import Asker
from toolkit.init.surroundings import Surroundings
from toolkit.values import Address

if TYPE_CHECKING:
    from toolkit.terminal.ui import UI


STEM = 24  # letters of a cookie's name: [proxy] cookie_stem


class Done(Struct, frozen=True):
    """What was found out, and what is to be written for it."""

    around: Surroundings
    plan: Plan
    changes: list[Change]
    notes: list[str]


def run(root: Path, given: Given, ask: Asker, force: bool) -> Done:
    """Writes nothing. Raises Refused for all that keeps a bgctl.toml from being written."""
    if not root.is_dir():
        raise Refused(
            f"{root} is no folder", "a project is a folder with compose files", "bgctl --project DIR init"
        )
    root = root.resolve()
    before = writing.before(root, force)
    around = surroundings.look(root, given)
    engine = around.engine
    is_free = _unclaimed(around)
    seeing = Seeing(lambda name: engine.image_config(name) or guesses.NONE, probe.look, is_free)
    planner = Planner(around, given, chosen.choose(around, given, ask), ask, seeing)
    plan = planner.plan(git.described(root), before)
    plan = _apart(plan, around, before)
    changes = writing.changes(plan, around)
    return Done(around, plan, changes, [*planner.notes, *_folders(around), *_taken(plan, around)])


def _apart(plan: Plan, around: Surroundings, before: Config | None) -> Plan:
    """With cookies of its own where another project of this host has the same; those that are there stay."""
    if before:
        known, usual = str(before.proxy.cookie_stem), str(Proxy().cookie_stem)
        return plan if known == usual else replace(plan, cookie_stem=Guess(known, "as it was"))
    try:
        theirs = neighbours.alike(config.parse(text.of(plan)), around.engine.neighbours())
    except Failed:
        return plan  # the engine does not say
    if not theirs:
        return plan
    why = f"project {theirs[0].project.name} has cookies called bg_... on the same host name"
    return replace(plan, cookie_stem=Guess(f"bg-{plan.name.value}"[:STEM], why))


def _unclaimed(around: Surroundings) -> Callable[[Address], bool]:
    """Whether a port is free, and stays free: that of another project's green is in use only at times."""
    try:
        theirs = neighbours.ports(around.engine.neighbours())
    except Failed:
        theirs = set()  # the engine does not say
    return lambda address: address.port not in theirs and ports.is_free(address)


def _taken(plan: Plan, around: Surroundings) -> list[str]:
    """Somebody else at the address that bgctl's proxy is to have, or has already."""
    listen = plan.listen.value
    ours = any(around.running(name) for name in (*around.found.services, plan.proxy))
    if ours or ports.is_free(listen):
        return []
    mend = "end that before bgctl up, or: bgctl init --force --listen IP:PORT"
    return [f"{listen} is taken by {ports.holder(listen)}; {mend}"]


def _folders(around: Surroundings) -> list[str]:
    """Folders of the project's own that have the names of bgctl's."""
    if (around.root / "state" / "state.json").exists():
        return []
    mine = [name for name in build_context.OURS if (around.root / name).exists()]
    if not mine:
        return []
    names = ", ".join(f"{name}/" for name in mine)
    return [
        f"{names} is here already: bgctl keeps files of its own there, and images get none of it any more"
    ]


def show(ui: "UI", done: Done, dry_run: bool) -> None:
    """What was found, and what is written: as a diff where nothing is."""
    ui.table(farewell.COLUMNS, farewell.rows(done.plan))
    plan, version = done.plan, done.plan.version
    ui.say(f"project {plan.name.value} at {plan.listen.value}, version {version.value} ({version.source})")
    for note in done.notes:
        ui.warn(note)
    if dry_run:
        for change in done.changes:
            ui.say(change.diff(done.around.root).rstrip("\n"))


def show_end(ui: "UI", done: Done, dry_run: bool) -> None:
    for line in farewell.written(done.changes, done.around.root, done=not dry_run):
        ui.say(line)
    if dry_run:
        ui.say("next: bgctl init, with the same options and without --dry-run")
        return
    for number, step in enumerate(farewell.next_steps(done.plan, done.around)):
        ui.say(f"{'      ' if number else 'next: '}{step}")
