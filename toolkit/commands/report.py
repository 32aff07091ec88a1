"""`bgctl report`: a release as a page or in Markdown, for those who were not there."""

import sys
from pathlib import Path

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "report",
    cls=Command,
    examples={
        "bgctl report 1.6.8": "Markdown, for a ticket or a chat",
        "bgctl report 1.6.8 --html release.html": "a page of its own, with charts",
    },
)
@click.argument("version")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="Write a page to this file; - is standard output.",
)
@click.option("--markdown", is_flag=True, help="Print Markdown, which is the default.")
@options.json_option
@click.pass_obj
def command(app: App, version: str, html: Path | None, markdown: bool, as_json: bool) -> None:
    """Make a page or Markdown of a release, for the team.

    What users of both versions saw, the timeline with its charts, the sessions that moved, what failed, and
    who did what. Of a version that was released several times, the last time. A page needs nothing beside
    itself: it can be mailed, printed, and read on a phone.
    """
    from toolkit.observe import book, report_markdown, report_page

    if (html is not None) + markdown + as_json > 1:
        raise click.UsageError("--html, --markdown and --json are three forms: take one")
    project = options.project(app, as_json)
    told = book.complete(project, book.of_version(project, version)[-1])
    name = str(project.config.project.name)
    if as_json:
        project.ui.emit(told)
    elif html is None:
        sys.stdout.write(report_markdown.text(name, told))
    elif str(html) == "-":
        sys.stdout.write(report_page.page(name, told))
    else:
        write(html, report_page.page(name, told))
        project.ui.say(f"wrote {html}")


def write(path: Path, text: str) -> None:
    """Raises Refused for a folder that is not there, and Failed when the disk is full."""
    from toolkit.errors import Refused
    from toolkit.files import atomic

    if not path.parent.is_dir():
        raise Refused(
            f"{path} cannot be written", f"there is no folder {path.parent}", f"mkdir {path.parent}"
        )
    atomic.write(path, text.encode())
