"""`bgctl rollback`: sends everyone back to the old version, or brings an older one back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def known(ctx: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """For the shell: the versions that were released here, the newest first, with their dates."""
    from click.shell_completion import CompletionItem

    from toolkit.errors import BgctlError
    from toolkit.files import releases_file

    project = Path(ctx.find_root().params.get("project") or ".")
    try:
        found = releases_file.read(project / "state").last
    except BgctlError:
        return []
    return [
        CompletionItem(each.version, help=each.at[:10])
        for each in found
        if each.version.startswith(incomplete)
    ]


@click.command(
    "rollback",
    cls=Command,
    examples={
        "bgctl rollback": "",
        "bgctl rollback --no-wait": "at once; green runs on until the next bgctl rollback",
        "bgctl rollback --to 1.6.5": "long after 1.6.5 has gone: as a release",
    },
)
@click.option(
    "--to",
    "version",
    metavar="VERSION",
    shell_complete=known,
    help="Bring this older version back, also when no release is under way.",
)
@click.option("--yes", "-y", is_flag=True, help="With --to: ask nothing, promote when empty.")
@click.option("--no-wait", is_flag=True, help="Leave green running; a second rollback stops it.")
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(app: App, version: str | None, yes: bool, no_wait: bool, dry_run: bool, as_json: bool) -> None:
    """Send everyone back to the old version.

    At any moment of a release. Green finishes what it has open, up to the deadlines of [drain], and stops.

    With --to an older version comes back, on the images with which it was proven then: from this machine, or
    by their digest from their registry. It is a release like any other, so that sessions are drained. Nothing
    is built, and no migration runs.
    """
    from toolkit.release import back_to, drain, moments, rollback
    from toolkit.release.deploy_plan import Plan

    if version is None and yes:
        raise click.UsageError("--yes is for --to VERSION: without it, nothing is asked")
    if version is not None and no_wait:
        raise click.UsageError("--no-wait is for a release that is under way, without --to")
    project = options.project(app, as_json)
    with moments.failing(project):
        if version is None:
            rollback.run(project, not no_wait, dry_run)
        else:
            watch = drain.Watch(options.terms(project, None, None), 2.0)
            back_to.run(project, Plan(version, watch, not yes, build=False, push=False, back=True), dry_run)
    options.show_state(project, as_json, dry_run)
