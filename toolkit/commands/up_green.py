"""`bgctl up-green`: starts the new version beside the old one."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "up-green",
    cls=Command,
    examples={
        "bgctl up-green 1.6.8": "nobody is sent there yet",
        "bgctl up-green 1.6.8 --services web,api": "these change; a worker runs on as it is",
    },
)
@click.argument("version", required=False)
@options.services_option
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(
    app: App, version: str | None, services: tuple[str, ...] | None, dry_run: bool, as_json: bool
) -> None:
    """Start the new version beside the old one.

    VERSION is the env file's VERSION unless given. Green is proven healthy, and to be that version; nobody is
    sent there yet.
    """
    from toolkit.release import moments, scope, up_green

    project = options.project(app, as_json)
    with moments.failing(project):
        version = version or up_green.from_env(project)
        scope.begin(project, services or (), f"bgctl up-green {version}", version)
        up_green.run(project, version, dry_run)
    if not dry_run:
        project.ui.say("next: bgctl route enable-green, or bgctl route canary 10")
    options.show_state(project, as_json, dry_run)
