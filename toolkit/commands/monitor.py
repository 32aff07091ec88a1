"""`bgctl monitor`: watches a release: slots, sessions, who is left, what is wrong."""

import os
import sys
from typing import TYPE_CHECKING

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command

if TYPE_CHECKING:
    from toolkit.monitor.snapshot import Snapshot
    from toolkit.project import Project

INTERVAL = 10.0
WIDTH = 100  # where there is no terminal to bound it


@click.command(
    "monitor",
    cls=Command,
    examples={
        "bgctl monitor": "until q",
        "bgctl monitor --json --interval 10s": "a line of JSON every ten seconds",
    },
)
@click.option("--interval", "-i", type=options.duration, help="Between looks; 1s at least.  [default: 10s]")
@click.option("--once", is_flag=True, help="Show one picture and exit, as without a terminal.")
@options.json_option
@click.pass_obj
def command(app: App, interval: float | None, once: bool, as_json: bool) -> None:
    """Watch a release: slots, sessions, who is left, what is wrong.

    q or Ctrl-C quits, r looks again at once. With --json it prints one document; with --json and --interval a
    line of JSON for each look, until it is interrupted. It shows e-mail addresses of users.
    """
    project = options.project(app, as_json)
    pace = max(1.0, interval or INTERVAL)
    if as_json and interval is not None and not once:
        from toolkit.monitor import stream

        stream.run(project, pace)
    elif as_json:
        project.ui.emit(look(project))
    elif once or not interactive():
        show(project)
    else:
        from toolkit.monitor import live

        live.run(project, pace)


def interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") not in (None, "", "dumb")


def look(project: "Project") -> "Snapshot":
    from toolkit.monitor import snapshot
    from toolkit.observe.sources import Sources

    return snapshot.take(project, Sources(project, snapshot.USERS).wait(), project.now())


def show(project: "Project") -> None:
    """Prints one snapshot, in as many lines as it needs."""
    from toolkit.monitor import glyphs, live, screen
    from toolkit.terminal.ui import console

    out = console()
    width = live.size()[0] if out.is_terminal else WIDTH
    for line in screen.draw(look(project), width, None, glyphs.for_encoding(out.encoding)):
        out.print(line)
