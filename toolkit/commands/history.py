"""`bgctl history`: shows who changed what, and when."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "history",
    cls=Command,
    examples={"bgctl history -n 5": "the last five changes"},
)
@click.option(
    "-n", "count", type=click.IntRange(1), default=20, show_default=True, help="How many, newest last."
)
@options.json_option
@click.pass_obj
def command(app: App, count: int, as_json: bool) -> None:
    """Show who changed what, and when."""
    from toolkit.files import history

    project = options.project(app, as_json)
    entries = history.read(project.history_path)[-count:]
    if as_json:
        project.ui.emit(entries)
        return
    rows = [(e.at, e.who, e.what, e.outcome, f"{e.seconds:.1f} s", e.generation, e.why) for e in entries]
    project.ui.table(("at", "who", "what", "outcome", "took", "generation", "why"), rows)
