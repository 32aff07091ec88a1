"""doctor"""

import click

from toolkit import options
from toolkit.cli import App
from toolkit.helptext import Command


@click.command(
    "doctor",
    cls=Command,
    examples={"bgctl doctor": "before the first bgctl up, and when something is odd"},
)
@options.json_option
@click.pass_obj
@click.pass_context
def command(ctx: click.Context, app: App, as_json: bool) -> None:
    """Check everything that a release needs.

    Exit code 1 when something has failed.
    """
    from toolkit import checkup
    from toolkit.ui import UI

    ui = UI(as_json)
    findings = checkup.examine(app.project, ui, "doctor")
    if as_json:
        ui.emit({"checks": findings})
    else:
        ui.table(("check", "", "seen", "next"), [(f.check, f.result, f.seen, f.next) for f in findings])
    ctx.exit(1 if any(finding.result == "fail" for finding in findings) else 0)
