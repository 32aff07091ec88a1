"""`bgctl exec`: runs a command in a container of a slot or service."""

import sys

import click

from toolkit import options
from toolkit.commands.logs import names
from toolkit.context import App
from toolkit.terminal import after_dashes


@click.command(
    "exec",
    cls=after_dashes.AfterDashes,
    examples={
        "bgctl exec -- sh": "a shell where new sessions go",
        "bgctl exec green -- ./manage.py check": "in the candidate",
        "bgctl exec db -- psql < dump.sql": "standard input is handed on",
    },
)
@click.argument("name", metavar="[SLOT|SERVICE] -- CMD...", required=False, shell_complete=names)
@click.option("--user", "-u", default="", help="The user in the container, as user or user:group.")
@click.option(
    "--index", type=click.IntRange(1), default=1, show_default=True, help="Which of several replicas."
)
@click.pass_context
def command(ctx: click.Context, name: str | None, user: str, index: int) -> None:
    """Run a command in a container of a slot or service.

    By default in the slot that new sessions get; web is web of that slot, and web-green that of green. The
    command has your terminal and standard input, and its exit code is that of bgctl. It takes no lock and
    leaves no line in the history.
    """
    from toolkit.engine import handover
    from toolkit.engine.handover import Line
    from toolkit.observe import target

    argv = after_dashes.behind(ctx, "bgctl exec [SLOT|SERVICE] -- CMD...")
    app: App = ctx.obj
    project = options.project(app)
    found = target.container(project, name, index)
    terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    inside = project.engine.inside(found)
    handover.become(Line(project.engine.commands.attached(inside, argv, terminal, user)))
