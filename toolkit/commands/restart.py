"""`bgctl restart`: starts the version that runs again, without anybody noticing."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "restart",
    cls=Command,
    examples={
        "bgctl restart": "after a change in .env or the compose file, or with a new secret",
        "bgctl restart --build": "the code of the same version was mended",
        "bgctl restart --dry-run": "what it would do, and which settings it would bring",
    },
)
@click.option("--build", is_flag=True, help="Build the images of this version again first.")
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(app: App, build: bool, dry_run: bool, as_json: bool) -> None:
    """Start the running version again, with the settings of today.

    It starts in green and is proven there, takes over while blue is started anew, and gives back to blue. The
    version is served all the time, so that no session moves, and nothing that is open is cut before the
    deadlines of [drain]. One that does not come up is stopped, and the old settings serve on. Without --build
    it is the image with which the version was proven. Migrations do not run again.

    One that was cut short goes on with the same command; bgctl rollback takes it back.
    """
    from toolkit.release import moments, restart

    project = options.project(app, as_json)
    with moments.failing(project):
        restart.run(project, build, dry_run)
    options.show_state(project, as_json, dry_run)
