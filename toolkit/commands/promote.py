"""`bgctl promote`: makes the new version the stable one."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "promote",
    cls=Command,
    examples={
        "bgctl promote": "after bgctl drain",
        "bgctl promote --dry-run": "what it would do",
    },
)
@options.deadline_option
@options.idle_timeout_option
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(
    app: App, deadline: float | None, idle_timeout: float | None, dry_run: bool, as_json: bool
) -> None:
    """Make the new version the stable one.

    Blue, empty by now, comes back on the new version and takes over from green, which finishes what it has
    and stops. Refused while blue has somebody whom a drain would wait for. A promotion that was cut short
    goes on from where it was.
    """
    from toolkit.release import moments, promote

    project = options.project(app, as_json)
    with moments.failing(project):
        promote.run(project, options.terms(project, deadline, idle_timeout), dry_run)
    options.show_state(project, as_json, dry_run)
