"""`bgctl rollback`: sends everyone back to the old version."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "rollback",
    cls=Command,
    examples={
        "bgctl rollback": "",
        "bgctl rollback --no-wait": "at once; green runs on until the next bgctl rollback",
    },
)
@click.option("--no-wait", is_flag=True, help="Leave green running; a second rollback stops it.")
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(app: App, no_wait: bool, dry_run: bool, as_json: bool) -> None:
    """Send everyone back to the old version.

    At any moment of a release. Green finishes what it has open, up to the deadlines of [drain], and stops.
    """
    from toolkit.release import rollback

    project = options.project(app, as_json)
    rollback.run(project, not no_wait, dry_run)
    options.show_state(project, as_json, dry_run)
