"""`bgctl doctor`: checks everything that a release needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command

if TYPE_CHECKING:
    from toolkit.checks.looks import Finding


def _skipped(findings: list[Finding]) -> dict[str, list[str]]:
    """What nobody could look at, by the reason."""
    found: dict[str, list[str]] = {}
    for finding in findings:
        if finding.result == "skip":
            found.setdefault(finding.seen, []).append(finding.check)
    return found


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
    from toolkit.observe import doctor
    from toolkit.terminal.ui import UI

    ui = UI(as_json)
    findings = doctor.examine(app.project, ui, "doctor")
    if as_json:
        ui.emit({"checks": findings})
    else:
        seen = [finding for finding in findings if finding.result != "skip"]
        ui.table(("check", "", "seen", "next"), [(f.check, f.result, f.seen, f.next) for f in seen])
        for why, checks in _skipped(findings).items():
            ui.say(f"{why}: {', '.join(checks)}")
    ctx.exit(1 if any(finding.result == "fail" for finding in findings) else 0)
