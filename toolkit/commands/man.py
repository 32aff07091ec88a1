"""bgctl man"""

import click

from toolkit.cli import cli
from toolkit.helptext import Command


@click.command(
    "man",
    cls=Command,
    examples={
        "bgctl man | man -l -": "reads it",
        "bgctl man > /usr/local/share/man/man1/bgctl.1": "for man bgctl",
    },
)
def command() -> None:
    """Print the manual page.

    Everything that --help says, of all commands.
    """
    from toolkit import manual

    click.echo(manual.page(cli), nl=False)
