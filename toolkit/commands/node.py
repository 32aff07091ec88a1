"""`bgctl node`: takes a node out from behind its load balancer, and puts it back."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Group


@click.group(
    "node",
    cls=Group,
    examples={
        'bgctl node drain --why "new kernel"': "waits until nothing is open",
        "bgctl node ready": "traffic comes again",
    },
)
def command() -> None:
    """Take a node out for maintenance, and put it back.

    A node is this host, or one of a swarm. Load balancers ask at [proxy] balancer_path whether it is to get
    traffic (docs/load-balancer.md).
    """


name_argument = click.argument("name", default="", metavar="[NAME]")


@command.command(
    "drain",
    examples={
        "bgctl node drain": "",
        "bgctl node drain node2": "of a swarm, typed on a manager",
        "bgctl node drain --within 5m": "gives up waiting, with exit code 5; the node stays drained",
    },
)
@name_argument
@click.option(
    "--within",
    type=options.lifetime,
    help="Wait for so long until nothing is open.  [default: [drain] websocket_deadline]",
)
@click.option("--why", default="", metavar="TEXT", help="What status and doctor say of it.")
@options.dry_run_option
@options.json_option
@click.pass_obj
def drain(app: App, name: str, within: float | None, why: str, dry_run: bool, as_json: bool) -> None:
    """Tell load balancers to send nothing here, and wait until nothing is open.

    What still comes is served: nothing is refused. The node stays drained, over restarts too, until
    bgctl node ready. NAME is a node of the swarm, else the one where this is typed. Exit code 5 when
    something is still open.
    """
    from toolkit.release import node

    project = options.project(app, as_json)
    longest = project.config.drain.websocket_deadline if within is None else within
    if said := node.drain(project, name, longest, why, dry_run):
        project.ui.say(said)


@command.command("ready", examples={"bgctl node ready": ""})
@name_argument
@options.dry_run_option
@options.json_option
@click.pass_obj
def ready(app: App, name: str, dry_run: bool, as_json: bool) -> None:
    """Tell load balancers to send traffic here again."""
    from toolkit.release import node

    project = options.project(app, as_json)
    node.ready(project, name, dry_run)
