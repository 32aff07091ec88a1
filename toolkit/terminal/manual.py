"""Makes the manual page, in the language of man(7), of what the commands' help says."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import click

from toolkit import __version__
from toolkit.terminal.help_text import Command, Group, Sections

WIDTH = 64  # of the lines of the source; man(1) fills them anew for its reader
EXIT = {
    "0": "Done.",
    "1": "Failed, and undone where that applies.",
    "2": "Wrong usage.",
    "3": "Refused; nothing has changed.",
    "4": "Another bgctl is at work on this project.",
    "5": "Not yet: somebody is left on the old version, or nobody knows.",
    "130": "Interrupted.",
}
ENVIRONMENT = {
    "BGCTL_PROJECT": "The project directory, where --project does not name it.",
    "BGCTL_HOST": "The machine to run it on, where --host does not name it.",
    "NO_COLOR": "If it is set, nothing is coloured.",
}
FILES = {
    "bgctl.toml": "The configuration of a project, in its directory.",
    "state/state.json": "Which version each slot serves, and who gets it.",
    "state/history.jsonl": "Who changed what, and when.",
    "state/logs/": "The last lines of containers that are gone, by version.",
}


def page(cli: Sections) -> str:
    """The source of bgctl(1)."""
    return "".join(f"{line}\n" for line in _lines(cli))


def _lines(cli: Sections) -> Iterator[str]:
    changed = date.fromtimestamp(Path(__file__).stat().st_mtime)
    yield f'.TH BGCTL 1 "{changed}" "bgctl {escaped(__version__)}" "User Commands"'
    yield ".SH NAME"
    yield r"bgctl \- blue-green releases for compose stacks"
    ctx = click.Context(cli, info_name="bgctl")
    yield from [".SH SYNOPSIS", ".B bgctl", escaped(" ".join(cli.collect_usage_pieces(ctx)))]
    yield ".SH DESCRIPTION"
    yield from _text(cli.help or "")
    yield ".SH OPTIONS"
    yield from _options(cli, ctx)
    yield ".SH COMMANDS"
    for title, names in cli.sections.items():
        yield f".SS {escaped(title)}"
        for name in names:
            if command := cli.get_command(ctx, name):
                yield from _command(command, click.Context(command, ctx, info_name=name))
    for heading, table in (("EXIT STATUS", EXIT), ("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)):
        yield f".SH {heading}"
        yield from _list(table)


def _command(command: click.Command, ctx: click.Context) -> Iterator[str]:
    usage = " ".join(command.collect_usage_pieces(ctx))
    yield from [".TP", rf"\fB{escaped(ctx.command_path)}\fR {escaped(usage)}"]
    yield from _text(command.help or "")
    yield ".RS"
    yield from _options(command, ctx)
    if isinstance(command, Command | Group):
        yield from _examples(command.examples)
    yield ".RE"
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from _command(each, click.Context(each, ctx, info_name=name))


def _options(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """The options. Arguments are in the usage line and in the text already."""
    options = [each for each in command.get_params(ctx) if isinstance(each, click.Option)]
    records = [each.get_help_record(ctx) for each in options]
    yield from _list(dict(record for record in records if record))


def _list(entries: Mapping[str, str]) -> Iterator[str]:
    for name, text in entries.items():
        yield from [".TP", rf"\fB{escaped(name)}\fR", *_filled(text)]


def _examples(examples: Mapping[str, str]) -> Iterator[str]:
    for command, note in examples.items():
        yield from [
            ".PP",
            escaped(f"{note}:" if note else "For example:"),
            ".br",
            rf"\fB{escaped(command)}\fR",
        ]


def _text(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        yield from [".sp"] * bool(number)
        yield from _filled(paragraph)


def _filled(text: str) -> list[str]:
    lines = textwrap.wrap(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)
    return [escaped(line) for line in lines]


def escaped(text: str) -> str:
    """`text` as roff shows it: no part of it is a request, and a hyphen can be copied as a hyphen."""
    found = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    return rf"\&{found}" if found.startswith(".") else found
