"""`bgctl route`: sends new sessions to blue, to green, or to both."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Group


@click.group(
    "route",
    cls=Group,
    examples={
        "bgctl route enable-green": "the switch: new sessions get the new version",
        "bgctl route canary 10": "10 % of them",
    },
)
def command() -> None:
    """Send new sessions to blue, to green, or to both."""


def _change(app: App, what: str, percent: int | None, yes: bool, dry_run: bool, as_json: bool) -> None:
    from toolkit.release import moments, route

    project = options.project(app, as_json)
    with moments.failing(project):
        route.run(project, what, percent, yes, dry_run)
    options.show_state(project, as_json, dry_run)


@command.command(
    "enable-green",
    examples={"bgctl route enable-green": ""},
)
@options.dry_run_option
@options.json_option
@click.pass_obj
def enable_green(app: App, dry_run: bool, as_json: bool) -> None:
    """New sessions get green; blue keeps the ones it has."""
    _change(app, "enable-green", None, False, dry_run, as_json)


@command.command(
    "disable-green",
    examples={"bgctl route disable-green": "takes back a switch, a canary or a preview"},
)
@options.dry_run_option
@options.json_option
@click.pass_obj
def disable_green(app: App, dry_run: bool, as_json: bool) -> None:
    """Everyone gets blue; green stays up."""
    _change(app, "disable-green", None, False, dry_run, as_json)


@command.command(
    "disable-blue",
    examples={"bgctl route disable-blue --yes": "moves who is left on blue, and asks nothing"},
)
@options.yes_option
@options.dry_run_option
@options.json_option
@click.pass_obj
def disable_blue(app: App, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Everyone gets green, whatever sessions blue still has."""
    _change(app, "disable-blue", None, yes, dry_run, as_json)


@command.command(
    "canary",
    examples={"bgctl route canary 10": "10 % of new sessions get green"},
)
@click.argument("percent", type=click.IntRange(0, 100))
@options.dry_run_option
@options.json_option
@click.pass_obj
def canary(app: App, percent: int, dry_run: bool, as_json: bool) -> None:
    """PERCENT of new sessions get green; 0 is disable-green, 100 is enable-green."""
    _change(app, "canary", percent, False, dry_run, as_json)


@command.command(
    "status",
    examples={"bgctl route status": ""},
)
@options.json_option
@click.pass_obj
def status(app: App, as_json: bool) -> None:
    """Who gets what, as the state has it."""
    from toolkit import slots

    project = options.project(app, as_json)
    now = project.state()
    if as_json:
        options.show_state(project, as_json)
    else:
        project.ui.say(f"{now.phase}: {slots.describe(now)} (generation {now.generation})")
