"""`bgctl certificate`: obtains and renews the certificate of [acme]."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.errors import NotYet
from toolkit.project import Project
from toolkit.terminal.help_text import Command
from toolkit.values import stamp


@click.command(
    "certificate",
    cls=Command,
    examples={
        "bgctl certificate": "obtain it, or renew it when that is due",
        "bgctl certificate --list": "for which hosts, until when, what is next",
        "bgctl certificate --renew": "for cron: silent while there is nothing to do",
    },
)
@click.option("--list", "listing", is_flag=True, help="Show what there is, and change nothing.")
@click.option("--renew", is_flag=True, help="Silent while nothing is due, or it is too early to ask again.")
@click.option("--force", is_flag=True, help="Also where none is due, and soon after a failure.")
@click.option("--anyway", is_flag=True, help="Also for a host that seems to lead elsewhere.")
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(
    app: App, listing: bool, renew: bool, force: bool, anyway: bool, dry_run: bool, as_json: bool
) -> int:
    """Obtain and renew certificates by ACME.

    The authority checks each host by asking it at port 80, where the proxy answers. The new certificate is
    loaded without losing a request, and its listener is asked whether it shows it. Until then the one before
    serves; whatever fails, it serves on. A failure is not tried again at once: --list says when it will be.
    """
    from toolkit.acme import obtain

    project = options.project(app, as_json)
    if listing:
        show(project, as_json)
        return 0
    try:
        note = obtain.run(project, force=force, anyway=anyway, dry_run=dry_run)
    except NotYet as error:
        if renew and not project.ui.watched:
            return error.code
        raise
    if as_json:
        project.ui.emit({"changed": note is not None and not dry_run, "dryRun": dry_run, "note": note})
    elif note or (project.ui.watched and not renew):
        project.ui.say(f"certificate: {note or nothing_due(project)}")
    return 0


def nothing_due(project: Project) -> str:
    from toolkit.acme import standing

    verdict = standing.look(project).verdict
    return f"nothing is due: {verdict.why}; it is renewed from {verdict.at:%Y-%m-%d}"


def show(project: Project, as_json: bool) -> None:
    from toolkit.acme import standing
    from toolkit.config import acme_hosts

    found = standing.look(project)
    held, notes = found.held, found.notes
    if as_json:
        project.ui.emit(
            {
                "hosts": list(acme_hosts.of(project.config)),
                "names": list(held.names) if held else [],
                "issuer": held.issuer if held else None,
                "notAfter": stamp(held.until) if held else None,
                "daysLeft": (held.until - project.now()).days if held else None,
                "due": found.verdict.due,
                "renewal": stamp(found.verdict.at),
                "why": found.fault or found.verdict.why,
                "failures": notes.failures,
                "lastFailure": notes.failure or None,
                "notBefore": stamp(found.wait) if found.wait else None,
            }
        )
        return
    if held:
        days = (held.until - project.now()).days
        row = (
            ", ".join(held.names),
            held.issuer,
            f"{held.until:%Y-%m-%d}",
            days,
            f"{found.verdict.at:%Y-%m-%d}",
        )
        project.ui.table(("hosts", "issuer", "until", "days left", "renewed from"), [row])
    if found.verdict.due:
        project.ui.say(f"due: {found.fault or found.verdict.why}; next: bgctl certificate")
    if notes.failure:
        when = f"; not before {stamp(found.wait)}" if found.wait else ""
        project.ui.say(f"the last try failed at {notes.failed}: {notes.failure}{when}")
