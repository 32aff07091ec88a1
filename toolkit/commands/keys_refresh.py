"""`bgctl keys refresh`: looks at the identity providers again."""

import click

from toolkit import options
from toolkit.commands import keys_import
from toolkit.context import App
from toolkit.errors import Failed, Refused
from toolkit.project import Project
from toolkit.terminal.help_text import Command


@click.command(
    "refresh",
    cls=Command,
    examples={"bgctl keys refresh": "all of them, now"},
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@options.dry_run_option
@click.pass_obj
def command(app: App, names: tuple[str, ...], dry_run: bool) -> None:
    """Fetch the keys of identity providers ([jwks.NAME]) now.

    `bgctl drain --auto` does it when it is time. A provider that gives no good answer keeps the keys that it
    had; one that lists a key no more has its tokens accepted for [tokens] longest. Exit code 1 if one fails.
    """
    from toolkit.jwks import record, refreshing

    project = options.project(app)
    tables = project.config.jwks
    if unknown := [name for name in names if name not in tables]:
        known = ", ".join(tables) or "none"
        raise Refused(f"there is no [jwks.{unknown[0]}]", f"bgctl.toml has: {known}", "edit bgctl.toml")
    if not tables and not record.read(project.state_dir):
        raise Refused("no identity provider is named", "bgctl.toml has no [jwks.NAME]", "edit bgctl.toml")
    wanted = list(names or tables)
    if dry_run:
        places = ", ".join(tables[name].place for name in wanted) or "nothing"
        project.ui.say(f"would fetch {places}; nothing changed")
        return
    looks = refreshing.run(project, wanted)
    _say(project, wanted)
    keys_import.say_next(project)
    failed = [name for name in wanted if looks[name].error]
    if failed:
        first = looks[failed[0]]
        others = f"; and {', '.join(failed[1:])}" if failed[1:] else ""
        raise Failed(f"the keys of {failed[0]}", f"{first.error}{others}", first.next)


def _say(project: Project, names: list[str]) -> None:
    from session_api.keys import listing
    from toolkit.jwks import standing

    keys = listing.describe(project.keys_dir)
    stands = standing.look(project)
    for name in names:
        mine = [key for key in keys if key.source == name]
        listed = [f"{key.kid} ({key.alg})" for key in mine if key.state == "fetched"]
        leaving = sum(key.state == "verifying" for key in mine)
        also = f"; {leaving} that it lists no more" if leaving else ""
        project.ui.say(f"{name}: {', '.join(listed) or 'no keys'}{also}")
        for note in stands[name].notes:
            project.ui.warn(f"{name}: {note}")
