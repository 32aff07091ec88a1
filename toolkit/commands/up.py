"""`bgctl up`: starts the stack, or brings it back as the state says."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "up",
    cls=Command,
    examples={
        "bgctl up": "keys, folders, containers: whatever is missing",
        "bgctl up --dry-run": "what it would do",
    },
)
@click.option(
    "--these-files",
    is_flag=True,
    help="On a swarm: with the files of this folder, though the last change was made with others elsewhere.",
)
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(app: App, these_files: bool, dry_run: bool, as_json: bool) -> None:
    """Start the stack, or bring it back as the state says.

    The first time it makes keys and adopts CURRENT_VERSION of the env file as blue. Later, and after a
    reboot, it starts what is missing and gives a running proxy its new configuration.
    """
    from toolkit.release import differences, farewell, up

    project = options.project(app, as_json)
    up.run(project, dry_run, these_files)
    options.show_state(project, as_json, dry_run)
    if not (as_json or dry_run):
        for each in differences.told(project):
            project.ui.warn(each.line)
        project.ui.say(farewell.words(project))
