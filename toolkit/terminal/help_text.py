"""What `--help` has beside click's own text: sections, examples, and suggestions for a mistyped command."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Command(click.Command):
    """A command with examples: command lines, each with a few words on what it does."""

    def __init__(self, *args: Any, examples: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = dict(examples or {})

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(self.examples, formatter)


class Group(click.Group):
    """A group of commands with examples, like those of `Command`."""

    command_class = Command

    def __init__(self, *args: Any, examples: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = dict(examples or {})

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(self.examples, formatter)


class Sections(Group):
    """A group whose commands are imported only when they are called.

    `sections` has, by title, the name of each command and its line in the help. That is all that the help
    needs.
    """

    sections: Mapping[str, Mapping[str, str]] = {}

    @property
    def lines(self) -> dict[str, str]:
        return {name: line for commands in self.sections.values() for name, line in commands.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lines)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.lines))
        for title, commands in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", line) for name, line in commands.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggests from `sections`: click would from the commands that a group holds, here none."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=self.lines, ctx=ctx
            ) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=line)
            for name, line in self.lines.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)


def write_examples(examples: Mapping[str, str], formatter: click.HelpFormatter) -> None:
    if examples:
        with formatter.section("Examples"):
            for line in aligned(examples, formatter.width - formatter.current_indent):
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def aligned(examples: Mapping[str, str], width: int) -> Iterator[str]:
    """The lines of the examples: notes beside their commands, or, if that is too wide for one of them, above.

    Commands are never broken into lines, so that they can be copied.
    """
    column = max(map(len, examples))
    beside = all(column + len(note) + 4 <= width for note in examples.values())
    for command, note in examples.items():
        if beside:
            yield f"{command:<{column}}  # {note}" if note else command
        else:
            yield from ([f"# {note}"] if note else [])
            yield command
