"""`bgctl compose`: hands a command line to the project's compose command."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal import after_dashes


@click.command(
    "compose",
    cls=after_dashes.AfterDashes,
    options_metavar="[OPTIONS] -- ARGS...",
    examples={
        "bgctl compose -- ps": "with web-blue and web-green",
        "bgctl compose -- exec db psql": "",
        "bgctl compose -- run --rm --no-deps web-blue ./manage.py shell": "",
        "bgctl compose -- config": "the compose file as bgctl starts it; it shows secrets",
    },
)
@click.option("--force", is_flag=True, help="Also what would break a release.")
@click.pass_context
def command(ctx: click.Context, force: bool) -> None:
    """Hand a command line to the project's compose command.

    It has the environment that bgctl gives it, and a compose file in which each service with slots is there
    twice. What changes something runs under the lock and leaves a line in the history; what would break a
    release is refused, with the command of bgctl to use instead. The exit code is the compose command's.
    """
    from toolkit.release import compose_line

    argv = after_dashes.behind(ctx, "bgctl compose -- ARGS...")
    app: App = ctx.obj
    compose_line.run(options.project(app), argv, force)
