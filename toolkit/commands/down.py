"""`bgctl down`: stops the stack; data, keys and state are kept."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "down",
    cls=Command,
    examples={
        "bgctl down": "says who is still in, and asks",
        "bgctl down --yes": "asks nothing",
        "bgctl down --dry-run": "what it would stop",
    },
)
@options.yes_option
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(app: App, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Stop the stack; data, keys and state are kept.

    Containers and networks of the project are removed, also those of a release under way: first the proxy,
    which finishes open requests (up to [drain] request_deadline), then the slots, the session API and the
    rest. Volumes stay. bgctl up brings everything back as the state says, in the middle of a release too.
    Until then bgctl drain --auto starts nothing.
    """
    from toolkit.release import down

    project = options.project(app, as_json)
    down.run(project, yes, dry_run)
    if project.adopted:
        options.show_state(project, as_json, dry_run)
