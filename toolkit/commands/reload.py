"""`bgctl reload`: gives the proxy a changed configuration or certificate."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "reload",
    cls=Command,
    examples={
        "bgctl reload": "after bgctl.toml or a certificate has changed",
        "bgctl reload --wait 5m": "for a hook of what renews certificates",
    },
)
@click.option(
    "--wait", type=options.duration, default="off", help="For another bgctl to end.  [default: off]"
)
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(app: App, wait: float, dry_run: bool, as_json: bool) -> None:
    """Give the proxy a changed configuration or certificate.

    Key and certificate must fit, and nginx must take the new configuration; otherwise nothing changes, and
    the exit code is 3. No request is lost. Where nothing has changed it does nothing, and off a terminal
    says nothing: fit for cron, and for the hook of whatever renews certificates.
    """
    from toolkit.rendering import reload

    project = options.project(app, as_json)
    options.check_one_host(project, "nothing is reloaded on a swarm", "bgctl up")
    note = reload.run(project, dry_run, wait)
    if as_json:
        project.ui.emit(
            {"changed": note is not None and not dry_run, "dryRun": dry_run, "note": note or reload.NOTHING}
        )
    elif note or project.ui.watched:
        project.ui.say(f"proxy: {note or reload.NOTHING}")
