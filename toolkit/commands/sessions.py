"""bgctl sessions"""

import click

from toolkit import options
from toolkit.cli import App


@click.command("sessions")
@options.json_option
@click.pass_obj
def command(app: App, as_json: bool) -> None:
    """Show how many sessions each version has.

    Exit code 1 when the count cannot be known.
    """
    site = options.site(app, as_json)
    report = site.sessions.report()
    if as_json:
        site.ui.emit(report)
        return
    rows = [
        (
            version,
            count.sessions,
            count.users,
            "unknown" if count.anonymous is None else count.anonymous,
            count.last_activity,
        )
        for version, count in sorted(report.versions.items())
    ]
    old = "unknown" if report.old_version_sessions is None else report.old_version_sessions
    site.ui.table(("version", "sessions", "users", "anonymous", "last activity"), rows)
    site.ui.say(f"new sessions get {report.current_version}; {old} sessions on other versions")
