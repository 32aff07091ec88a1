"""`bgctl man`: prints the manual page."""

from typing import cast

import click

from toolkit.terminal.help_text import Command, Sections


@click.command(
    "man",
    cls=Command,
    examples={
        "bgctl man | man -l -": "reads it",
        "bgctl man > /usr/local/share/man/man1/bgctl.1": "for man bgctl",
    },
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print the manual page.

    Everything that --help says, of all commands.
    """
    from toolkit.terminal import manual

    click.echo(manual.page(cast("Sections", ctx.find_root().command)), nl=False)
