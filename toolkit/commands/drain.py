"""bgctl drain"""

import click

from toolkit import options
from toolkit.cli import App


@click.command("drain")
@click.option("--timeout", type=options.duration, default="off", help="Give up after this.  [default: off]")
@click.option(
    "--interval", "-i", type=options.duration, default="2s", show_default=True, help="Between looks."
)
@click.option(
    "--auto", "-a", is_flag=True, help="For cron: one look, one line; exit code 5 while it is not empty."
)
@options.dry_run_option
@click.pass_obj
def command(app: App, timeout: float, interval: float, auto: bool, dry_run: bool) -> None:
    """Wait until the old version is empty.

    Empty: no sessions and no WebSockets, both known; promote waits for the last requests. Exit code 5 when
    the time-out comes first.
    """
    from toolkit.release import drain

    site = options.site(app)
    if dry_run:
        site.ui.say(str(drain.look(site)))
    elif auto:
        drain.run_once(site)
    else:
        drain.run(site, timeout, interval or 2.0)
