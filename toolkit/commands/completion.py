"""`bgctl completion`: prints the script that completes commands in a shell."""

import click

from toolkit.terminal.help_text import Command


@click.command(
    "completion",
    cls=Command,
    examples={
        "source <(bgctl completion bash)": "in ~/.bashrc",
        "source <(bgctl completion zsh)": "in ~/.zshrc, after compinit",
        "bgctl completion fish | source": "in ~/.config/fish/config.fish",
    },
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands in a shell.

    It asks bgctl itself for commands, options and their values.
    """
    from click.shell_completion import get_completion_class

    if complete := get_completion_class(shell):
        click.echo(complete(ctx.find_root().command, {}, "bgctl", "_BGCTL_COMPLETE").source())
