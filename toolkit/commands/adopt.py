"""`bgctl adopt`: what runs by plain compose becomes blue, without a lost request."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "adopt",
    cls=Command,
    examples={
        "bgctl adopt --dry-run": "who has the port, and how it would be taken",
        "bgctl adopt": "as root: without a gap",
        "bgctl adopt --deadline 2m": "downloads and WebSockets get two minutes to end",
        "bgctl adopt --back": "undoes an adoption that is only half done",
    },
)
@click.option(
    "--deadline",
    type=options.lifetime,
    help="How long what is open may stay open.  [default: [drain] websocket_deadline]",
)
@click.option("--no-redirect", is_flag=True, help="Take the port with a gap, even where root could avoid it.")
@click.option("--leave-volumes", is_flag=True, help="Start blue without what is in anonymous volumes.")
@click.option("--back", "takes_back", is_flag=True, help="Undo an adoption that is only half done.")
@options.yes_option
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(
    app: App,
    deadline: float | None,
    no_redirect: bool,
    leave_volumes: bool,
    takes_back: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make blue of what runs, without a lost request.

    Blue starts beside it, on the very image that runs; databases and all else stay as they are. Then new
    connections to its port are redirected to the proxy (netfilter, which needs root), and what is open there
    may end: downloads, WebSockets, idle connections. At last the old containers go, without their volumes,
    and the proxy has the port. Where nothing can be redirected there is a gap: it is measured, told and
    asked for.

    Ctrl-C or a failure leaves people served; the same command goes on.
    """
    from toolkit.adopt import back
    from toolkit.adopt import run as adoption
    from toolkit.release import farewell

    project = options.project(app, as_json)
    options.check_one_host(project, "nothing is adopted on a swarm", "docker compose down, then: bgctl up")
    if takes_back:
        return back.run(project, dry_run)
    within = deadline or project.config.drain.websocket_deadline
    terms = adoption.Terms(within, not no_redirect, leave_volumes, yes)
    adoption.run(project, terms, dry_run)
    options.show_state(project, as_json, dry_run)
    if not (as_json or dry_run):
        project.ui.say(farewell.words(project))
    return None
