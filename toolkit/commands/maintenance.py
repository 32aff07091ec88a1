"""`bgctl maintenance`: shows everybody a page, but for the addresses that are allowed."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Group


@click.group(
    "maintenance",
    cls=Group,
    examples={
        "bgctl maintenance on": "",
        "bgctl maintenance off": "",
    },
)
def command() -> None:
    """Show everybody a page, but for the addresses that are allowed.

    [maintenance] of bgctl.toml has the page and the addresses.
    """


def _change(app: App, on: bool, dry_run: bool, as_json: bool) -> None:
    from toolkit.release import gate

    project = options.project(app, as_json)
    gate.maintenance(project, on, dry_run)
    options.show_state(project, as_json, dry_run)


@command.command(
    "on",
    examples={"bgctl maintenance on": ""},
)
@options.dry_run_option
@options.json_option
@click.pass_obj
def on(app: App, dry_run: bool, as_json: bool) -> None:
    """Answer every new request with the page; WebSockets live on."""
    _change(app, True, dry_run, as_json)


@command.command(
    "off",
    examples={"bgctl maintenance off": ""},
)
@options.dry_run_option
@options.json_option
@click.pass_obj
def off(app: App, dry_run: bool, as_json: bool) -> None:
    """Serve everybody again."""
    _change(app, False, dry_run, as_json)
