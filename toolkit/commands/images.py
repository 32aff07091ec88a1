"""`bgctl images`: makes the images of proxy and session API."""

import click

from toolkit import options
from toolkit.config.engines import NAMES
from toolkit.context import App
from toolkit.terminal.help_text import Command


@click.command(
    "images",
    cls=Command,
    examples={
        "bgctl images": "in a project, on its engine; elsewhere on the one that answers",
        "bgctl images --engine podman": "on that one",
    },
)
@click.option("--engine", "named", type=click.Choice(NAMES), help="The engine.  [default: the project's]")
@click.option("--redis", is_flag=True, help="Make the image of Redis too, for BGCTL_STORE.")
@options.dry_run_option
@options.json_option
@click.pass_obj
def command(app: App, named: str | None, redis: bool, dry_run: bool, as_json: bool) -> None:
    """Make the images of proxy and session API.

    From official base images where a registry answers, else from Debian packages. An image that is here and
    made by this bgctl is left alone. bgctl up does the same for what it starts.
    """
    from toolkit.images import catalogue
    from toolkit.images.choice import choose
    from toolkit.release import make_images
    from toolkit.terminal.ui import UI

    ui = UI(as_json)
    engine = choose(named, app.project)
    images = [each for each in catalogue.IMAGES if redis or each is not catalogue.REDIS]
    made = make_images.run(engine, images, ui, dry_run)
    if dry_run:
        return
    if as_json:
        found = [{"name": each.name, "made": each.name in made} for each in images]
        ui.emit({"engine": engine, "images": found})
    else:
        ui.say(f"images ready in {engine}{'' if made else ', nothing to do'}")
