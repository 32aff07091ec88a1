"""Options that recur, and the way from the global options to a project."""

import click

from toolkit.cli import App
from toolkit.site import Site
from toolkit.ui import UI
from toolkit.values import Duration

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Ask nothing.")


def duration(text: str) -> float:
    """A click type: a duration as in bgctl.toml, to seconds; off is 0."""
    try:
        return Duration.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def site(app: App, as_json: bool = False) -> Site:
    """Raises Refused when there is no project, or its configuration is wrong."""
    ctx = click.get_current_context()
    return Site(app.project, UI(as_json), ctx.command_path.partition(" ")[2])


def show_state(site: Site, as_json: bool, dry_run: bool = False) -> None:
    """What a changing command prints with --json: the state that it leaves."""
    if as_json and not dry_run:
        site.ui.emit(site.state())
