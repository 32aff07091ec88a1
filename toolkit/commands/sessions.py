"""`bgctl sessions`: shows how many sessions each version has."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal import humanize
from toolkit.terminal.help_text import Command

if TYPE_CHECKING:
    from toolkit.clients.session_api import Report, Sessions, User

PAGE = 1000  # users that the session API lists at once
COLUMNS = ("version", "sessions", "users", "visitors", "WebSockets", "last activity")


@click.command(
    "sessions",
    cls=Command,
    examples={
        "bgctl sessions": "counts alone",
        "bgctl sessions --users -n 50": "who was there last",
    },
)
@click.option("--users", is_flag=True, help="List the users of the old version, with their e-mail addresses.")
@click.option(
    "-n",
    "count",
    type=click.IntRange(1),
    default=PAGE,
    show_default=True,
    help="How many users, latest first.",
)
@options.json_option
@click.pass_obj
def command(app: App, users: bool, count: int, as_json: bool) -> int:
    """Show how many sessions each version has.

    Exit code 1 when the count cannot be known.
    """
    project = options.project(app, as_json)
    report = listed(project.sessions, count if users else 0)
    if as_json:
        project.ui.emit(report)
        return 1 if report.unknown else 0
    now = project.now()
    project.ui.table(COLUMNS, list(rows(report, now)))
    if users:
        project.ui.table(("user", "e-mail", "last activity"), [user_row(each, now) for each in report.users])
    for line in remarks(report, now, users):
        project.ui.say(line)
    return 1 if report.unknown else 0


def listed(sessions: "Sessions", count: int) -> "Report":
    """The report with up to `count` users, from as many pages as that takes."""
    from msgspec.structs import replace

    report = sessions.report(users=min(count, PAGE))
    users = list(report.users)
    while report.next_page and len(users) < count:
        more = sessions.report(users=min(count - len(users), PAGE), page=report.next_page)
        users += more.users
        report = replace(report, next_page=more.next_page if more.users else None)
    return replace(report, users=users[:count])


def rows(report: "Report", now: datetime) -> Iterator[list[object]]:
    for version, found in sorted(report.versions.items()):
        counts = (found.sessions, found.users, found.anonymous, found.websockets)
        known = ["unknown" if count is None else count for count in counts]
        yield [version, *known, since(found.last_activity, now)]


def user_row(user: "User", now: datetime) -> list[object]:
    return [user.user_id, user.email, since(user.last_activity, now)]


def since(then: datetime | None, now: datetime) -> str | None:
    return humanize.ago((now - then).total_seconds()) if then else None


def remarks(report: "Report", now: datetime, users: bool) -> Iterator[str]:
    if users and report.next_page:
        yield "and more: -n lists them"
    if report.unknown:
        yield f"unknown: {report.unknown}"
    elif report.unknown_visitors:
        yield f"visitors are unknown: {report.unknown_visitors}"
    old = humanize.many(report.old_version_sessions, "sessions")
    yield f"new sessions get {report.current_version}; {old} on other versions"
    if empty := humanize.forecast(report.forecast, now):
        yield f"the old version is empty: {empty}"
