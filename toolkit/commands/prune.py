"""`bgctl prune`: removes the images of old versions."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "prune",
    cls=Command,
    examples={
        "bgctl prune": "keeps the last 5 versions",
        "bgctl prune --keep 2 --dry-run": "what would go",
    },
)
@click.option(
    "--keep",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="How many versions keep their images.",
)
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(app: App, keep: int, dry_run: bool, as_json: bool) -> None:
    """Remove the images of old versions.

    Those of the last versions that were proven stay, and those in service, in a release, and of the version
    before. Only what was released here is removed, and nothing that a container was started from; of an image
    that has other names as well, only the name goes. The containers of old versions' migrations go too,
    and what is kept of their logs, and of files for old pages what bgctl.toml has no room for
    ([services.*] assets_keep and assets_room).
    """
    from toolkit.release import prune
    from toolkit.terminal import humanize

    project = options.project(app, as_json)
    report = prune.run(project, keep, dry_run)
    if as_json:
        project.ui.emit(report)
        return
    rows = [
        (each.version, each.kind, each.name, each.left or "removed")
        for each in (*report.removed, *report.left)
    ]
    if dry_run:
        rows = [(*row[:3], "would be removed" if row[3] == "removed" else row[3]) for row in rows]
    if rows:
        project.ui.table(("version", "what", "name", "outcome"), rows)
    freed = f"; about {humanize.size(report.freed)} are free again" if report.freed else ""
    project.ui.say(
        f"{'nothing to remove; ' * (not rows)}kept: {', '.join(report.kept) or 'nothing yet'}{freed}"
    )
    if dry_run:
        project.ui.say("dry run: nothing has been changed")
