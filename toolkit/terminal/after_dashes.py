"""A command that takes another program's command line after "--"."""

import click

from toolkit.terminal.help_text import Command

KEY = "toolkit.after_dashes"  # in click's meta


class AfterDashes(Command):
    """What stands behind the first "--" is for another program: `behind` has it, and click never sees it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[KEY] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])


def behind(ctx: click.Context, usage: str) -> tuple[str, ...]:
    """The words behind "--". Raises UsageError with `usage` where there are none."""
    words: tuple[str, ...] = ctx.meta.get(KEY, ())
    if not words:
        raise click.UsageError(f"what is to run stands behind --: {usage}")
    return words
