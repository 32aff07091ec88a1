"""`bgctl deploy`: releases VERSION from beginning to end."""

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "deploy",
    cls=Command,
    examples={
        "bgctl deploy 1.6.8": "asks before the old version is stopped",
        "bgctl deploy": "the version that git describe says",
        "bgctl deploy 1.6.8 --yes": "asks nothing: for CI",
        "bgctl deploy 1.6.8 --canary 5,25,50,100": "in shares that are judged",
        "bgctl deploy 1.6.8 --services web,api": "these change; a worker runs on as it is",
    },
)
@click.argument("version", required=False)
@click.option("--yes", "-y", is_flag=True, help="Ask nothing: promote when empty.")
@click.option("--auto", "-a", is_flag=True, hidden=True, help="What --yes was called before.")
@options.interval_option
@click.option("--skip-build", "-s", is_flag=True, help="The images exist already.")
@click.option(
    "--push/--skip-push",
    "push",
    default=None,
    help="Push what is built, or leave it here.  [default: where an image's name begins with a registry]",
)
@options.services_option
@options.canary_option
@options.pause_option
@options.deadline_option
@options.idle_timeout_option
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(
    app: App,
    version: str | None,
    yes: bool,
    auto: bool,
    interval: float,
    skip_build: bool,
    push: bool | None,
    services: tuple[str, ...] | None,
    shares: tuple[int, ...] | None,
    pause: float | None,
    deadline: float | None,
    idle_timeout: float | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Release VERSION from beginning to end.

    Builds what the compose file has a build: for, pushes it where its name begins with a registry, starts
    green and proves it, sends new sessions there, with --canary in shares that are judged, waits until the
    old version is empty, asks, and promotes. Without VERSION it goes on with the release that is under way,
    or takes what git describe says of the project's folder; in no repository, the env file's VERSION.

    What fails up to the switch is undone. Run again after an interruption, it goes on from where the release
    is. While it waits, other commands work: bgctl rollback takes it back.
    """
    from toolkit.release import deploy, drain, moments, next_version
    from toolkit.release.deploy_plan import Plan

    if push and skip_build:
        raise click.UsageError("--push is for what is built, and --skip-build builds nothing")
    project = options.project(app, as_json)
    watch = drain.Watch(options.terms(project, deadline, idle_timeout), interval or 2.0)
    course = options.course(project, shares, pause, watch.interval)
    version = version or next_version.find(project)
    plan = Plan(version, watch, not (yes or auto), not skip_build, course, push, services=services or ())
    with moments.failing(project):
        deploy.run(project, plan, dry_run)
    options.show_state(project, as_json, dry_run)
