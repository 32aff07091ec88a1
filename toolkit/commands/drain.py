"""`bgctl drain`: waits until the old version is empty."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.errors import BgctlError
from toolkit.terminal.help_text import Command


@click.command(
    "drain",
    cls=Command,
    examples={
        "bgctl drain": "waits, then asks",
        "bgctl drain --yes --timeout 2h": "asks nothing, gives up in the end",
        "bgctl drain --auto": "one look, as cron takes it",
    },
)
@click.option("--timeout", type=options.duration, default="off", help="Give up after this.  [default: off]")
@options.interval_option
@options.deadline_option
@options.idle_timeout_option
@click.option("--auto", "-a", is_flag=True, help="For cron: one look; what is empty is promoted.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing: promote when it is empty.")
@options.dry_run_option
@click.pass_obj
@click.pass_context
def command(
    ctx: click.Context,
    app: App,
    timeout: float,
    interval: float,
    deadline: float | None,
    idle_timeout: float | None,
    auto: bool,
    yes: bool,
    dry_run: bool,
) -> None:
    """Wait until the old version is empty.

    Empty: no sessions, no visitors without a log-in (unless bgctl.toml says otherwise) and no WebSockets,
    all known; promote waits for the last requests. On a terminal it then asks whether to promote. Exit code 5
    when the time-out comes first.

    --auto says nothing but what it does, and what stays wrong; exit code 5 while somebody is left.
    `bgctl cron` prints what runs it every minute.
    """
    from toolkit.cron import tick
    from toolkit.release import drain, moments
    from toolkit.terminal.ui import UI

    try:
        project = options.project(app)
    except BgctlError as error:
        if auto and not tick.must_be_said(app.project / "state", error, UI().watched):
            ctx.exit(error.code)
        raise
    watch = drain.Watch(options.terms(project, deadline, idle_timeout), interval or 2.0, timeout)
    if dry_run:
        project.ui.say(str(drain.look(project, watch.terms)))
    elif auto:
        ctx.exit(tick.run(project, watch.terms))
    else:
        with moments.failing(project):
            drain.run(project, watch, yes)
