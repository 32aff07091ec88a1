"""`bgctl preview`: prints a link that shows the new version before others get it."""

from typing import TYPE_CHECKING

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command

if TYPE_CHECKING:
    from toolkit.project import Project
    from toolkit.release.preview import Preview


def origin(text: str) -> str:
    """A click type: where browsers come."""
    from toolkit.config.kinds import Origin

    try:
        return Origin.parse(text.rstrip("/"))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(
    "preview",
    cls=Command,
    examples={
        "bgctl preview --to /cart --life 30m": "a link that is good for half an hour",
        "bgctl preview --check ./smoke.sh": "the link only if the script passes",
    },
)
@click.option("--to", default="/", show_default=True, help="The path that the link leads to.")
@click.option("--life", type=options.lifetime, help="How long the link is good for.  [default: bgctl.toml's]")
@click.option("--url", type=origin, default="", help="Where browsers come.  [default: bgctl.toml's]")
@click.option("--check", metavar="CMD", default="", help="Print the link only if CMD passes, run by a shell.")
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(
    app: App, to: str, life: float | None, url: str, check: str, dry_run: bool, as_json: bool
) -> None:
    """Print a link that shows the new version before others get it.

    Whoever opens it gets green, whatever else they have, until the link expires. It is a secret: it is
    printed, and kept nowhere. CMD finds BGCTL_PREVIEW_URL, BGCTL_PREVIEW_COOKIE (name=value), BGCTL_URL and
    BGCTL_VERSION in its environment; if it fails, things are as they were before.
    """
    from toolkit.release import preview

    project = options.project(app, as_json)
    shown = preview.run(project, preview.LinkRequest(to, life, url), check, dry_run)
    if shown:
        show(project, shown)


def show(project: "Project", shown: "Preview") -> None:
    from toolkit.config import public_url
    from toolkit.values import stamp

    if doubt := public_url.doubt(project.config, shown.link.base):
        project.ui.warn(f"{doubt}; --url, or [preview] url, names the right one")
    if project.ui.as_json:
        expires = stamp(shown.expires)
        project.ui.emit(
            {"url": shown.link.url, "end": shown.link.end, "version": shown.version, "expires": expires}
        )
        return
    project.ui.say(f"{shown.version} for whoever opens this, until {stamp(shown.expires)}:")
    project.ui.say(shown.link.url)
    project.ui.say(f"to leave it earlier: {shown.link.end}; for everybody: bgctl route disable-green")
