"""`bgctl resume`: lets the held requests through."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "resume",
    cls=Command,
    examples={"bgctl resume": "after a bgctl pause without a command"},
)
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(app: App, dry_run: bool, as_json: bool) -> None:
    """Let the held requests through."""
    from toolkit.release import gate

    project = options.project(app, as_json)
    gate.resume(project, dry_run)
    options.show_state(project, as_json, dry_run)
