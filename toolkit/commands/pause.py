"""`bgctl pause`: holds new requests for a moment, for as long as a command runs."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "pause",
    cls=Command,
    examples={
        "bgctl pause -- ./migrate.sh": "requests wait for as long as it runs",
        "bgctl pause --for 1m": "until bgctl resume, or a minute is over",
    },
    context_settings={"allow_interspersed_args": False},
)
@click.option(
    "--for",
    "seconds",
    type=options.seconds,
    default="30s",
    show_default=True,
    help="How long requests are held at most; later ones are turned away.",
)
@click.argument("command_line", metavar="[-- CMD ...]", nargs=-1, type=click.UNPROCESSED)
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(app: App, seconds: float, command_line: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Hold new requests for a moment, for as long as a command runs.

    Waits for the requests that are open (not for WebSockets), for half of the time at most, runs CMD, and
    resumes whatever came of it. Without CMD it ends while requests are held: bgctl resume lets them through.
    """
    from toolkit.release import gate

    project = options.project(app, as_json)
    gate.pause(project, seconds, command_line, dry_run)
    if not command_line and not dry_run:
        project.ui.say("next: bgctl resume")
    options.show_state(project, as_json, dry_run)
