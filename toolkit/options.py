"""Options that recur, and the way from the global options to a project."""

from typing import TYPE_CHECKING

import click

from toolkit.context import App
from toolkit.errors import Refused
from toolkit.project import Project
from toolkit.terminal.ui import UI
from toolkit.values import Duration, is_rising

if TYPE_CHECKING:
    from toolkit.release.canary import Course
    from toolkit.release.remaining import DrainTerms

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Ask nothing.")


def duration(text: str) -> float:
    """A click type: a duration as in bgctl.toml, to seconds; off is 0."""
    try:
        return Duration.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def lifetime(text: str) -> float:
    """A click type: a duration that ends."""
    found = duration(text)
    if not found:
        raise click.BadParameter('it cannot be off; write one like "30m"')
    return found


def seconds(text: str) -> float:
    """A click type: a duration, or plain seconds."""
    return duration(f"{text}s" if text.isascii() and text.isdigit() else text)


def shares(text: str) -> tuple[int, ...]:
    """A click type: "5,25,50,100"."""
    parts = [part.strip().removesuffix("%") for part in text.split(",")]
    found = tuple(int(part) for part in parts if part.isascii() and part.isdigit())
    if len(found) < len(parts) or not is_rising(found):
        raise click.BadParameter(f"{text!r} is not a list of rising shares from 1 to 100; write 5,25,50,100")
    return found


def names(text: str) -> tuple[str, ...]:
    """A click type: "web,api"."""
    found = tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
    if not found:
        raise click.BadParameter("it names no service; write web,api")
    return found


services_option = click.option(
    "--services",
    type=names,
    metavar="NAMES",
    help="Those that change: web,api. The others run on, for both versions.  [default: all]",
)
interval_option = click.option(
    "--interval", "-i", type=seconds, default="2s", show_default=True, help="Between looks."
)
deadline_option = click.option(
    "--deadline",
    type=duration,
    help="After this, counted from the switch, who is left moves on.  [default: bgctl.toml's]",
)
idle_timeout_option = click.option(
    "--idle-timeout",
    type=duration,
    help="Do not wait for who is idle for longer.  [default: bgctl.toml's]",
)
canary_option = click.option(
    "--canary",
    "shares",
    type=shares,
    metavar="SHARES",
    help="New sessions in steps, each judged: 5,25,50,100.  [default: bgctl.toml's; 100: at once]",
)
pause_option = click.option(
    "--pause", type=seconds, help="The least time of such a step.  [default: bgctl.toml's]"
)


def terms(project: Project, deadline: float | None, idle: float | None) -> "DrainTerms":
    """What a drain waits for: as given, else as bgctl.toml has it."""
    from toolkit.release.remaining import DrainTerms

    return DrainTerms.of(project.config.drain, deadline, idle)


def course(
    project: Project, shares: tuple[int, ...] | None, pause: float | None, interval: float
) -> "Course | None":
    """A canary's course: as given, else as bgctl.toml has it. None: all new sessions at once."""
    from toolkit.release.canary import Course

    steps = project.config.canary.steps if shares is None else shares
    if pause is not None and not steps:
        raise click.UsageError(
            "--pause is of no use without --canary SHARES, or [canary] steps in bgctl.toml"
        )
    if pause == 0:
        raise click.UsageError("--pause cannot be off")
    return Course(steps, pause or project.config.canary.pause, interval) if steps else None


def project(app: App, as_json: bool = False) -> Project:
    """Raises Refused when there is no project, or its configuration is wrong."""
    ctx = click.get_current_context()
    return Project(app.project, UI(as_json), ctx.command_path.partition(" ")[2], without=app.without)


def check_one_host(project: Project, what: str, next: str) -> None:
    """Raises Refused where the project is on several: files of this one would not be enough."""
    if project.config.project.engine.several_hosts:
        raise Refused(what, f'bgctl.toml has engine = "{project.config.project.engine}"', next)


def show_state(project: Project, as_json: bool, dry_run: bool = False) -> None:
    """What a changing command prints with --json: the state that it leaves."""
    if as_json and not dry_run:
        project.ui.emit(project.state())
