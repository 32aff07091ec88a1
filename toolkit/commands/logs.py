"""`bgctl logs`: shows the last log lines of a slot, a service or all."""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from toolkit.observe.logs import Line
    from toolkit.project import Project


def names(ctx: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """For the shell: what bgctl.toml names."""
    from click.shell_completion import CompletionItem

    from toolkit import config
    from toolkit.errors import BgctlError
    from toolkit.files import kept_logs

    found = list(config.SLOTS)
    with suppress(BgctlError):
        project = Path(ctx.find_root().params.get("project") or ".")
        found += config.load(project / "bgctl.toml").compose_services
        if ctx.info_name == "logs":
            found += kept_logs.versions(kept_logs.known(project / "state"))
    return [CompletionItem(name) for name in found if name.startswith(incomplete)]


@click.command(
    "logs",
    cls=Command,
    examples={
        "bgctl logs": "everybody's last lines, in order of time",
        "bgctl logs -f green": "a candidate while it starts",
        "bgctl logs -n 1000 proxy | grep error": "",
        "bgctl logs 1.6.7": "of a version that was replaced or taken back",
    },
)
@click.argument("name", metavar="[SLOT|SERVICE|VERSION]", required=False, shell_complete=names)
@click.option("--version", help="Of this version's containers that are gone.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is logged from now on, until Ctrl-C.")
@click.option(
    "--lines",
    "-n",
    "count",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Of each container.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each line.")
@click.pass_obj
def command(app: App, name: str | None, version: str | None, follow: bool, count: int, as_json: bool) -> int:
    """Show the last log lines of a slot, a service or all.

    What the containers write to standard output and standard error; where there are several services, each
    line begins with its own. With -f a service is followed over restarts and from one container to the next,
    such as in a promotion; Ctrl-C ends it, and the exit code is 0.

    When a slot's container is removed or replaced, its last lines are kept for the last versions ([project]
    kept_logs): a VERSION shows them. They can have secrets of the app in them.
    """
    from toolkit.observe import ended_logs, logs

    project = options.project(app, as_json)
    if version or ended_logs.is_meant(project, name):
        if follow:
            raise click.UsageError("the containers of a version that is gone say no more: leave -f out")
        return _ended(project, str(version or name), name if version else None, count, as_json)
    wanted = logs.services(project, name)
    tell = as_document if as_json else printer(wanted)
    if follow:
        with suppress(KeyboardInterrupt):
            logs.follow(project, wanted, count, tell)
        return 0
    lines, faults = logs.last(project, wanted, count)
    for line in lines:
        tell(line)
    for fault in faults:
        project.ui.error(fault)
    if not (lines or faults or name is None):
        project.ui.warn(f"{name} has logged nothing, or has no container: bgctl status")
    return 1 if faults else 0


def _ended(project: "Project", version: str, service: str | None, count: int, as_json: bool) -> int:
    from toolkit.observe import ended_logs

    lines = ended_logs.last(project, version, service, count)
    tell = as_document if as_json else printer(sorted({line.service for line in lines}))
    for line in lines:
        tell(line)
    return 0


def printer(services: list[str]) -> "Callable[[Line], None]":
    """Names the service in front of each line where there are several."""
    width = max(map(len, services)) if len(services) > 1 else 0

    def tell(line: "Line") -> None:
        said = f"{line.service:<{width}} | {line.line}" if width else line.line
        sys.stdout.write(f"{said}\n")
        sys.stdout.flush()

    return tell


def as_document(line: "Line") -> None:
    import msgspec

    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()
