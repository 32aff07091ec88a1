"""bgctl cron"""

import os
import shutil
import sys
from pathlib import Path

import click

from toolkit import options
from toolkit.cli import App

FORMS = ("crontab", "systemd", "service", "timer")


@click.command("cron")
@click.option("--crontab", "form", flag_value="crontab", help="The crontab line alone.")
@click.option("--systemd", "form", flag_value="systemd", help="systemd's service and timer alone.")
@click.option("--service", "form", flag_value="service", help="The service alone, for a file of its own.")
@click.option("--timer", "form", flag_value="timer", help="The timer alone, for a file of its own.")
@options.json_option
@click.pass_obj
def command(app: App, form: str | None, as_json: bool) -> None:
    """Print what runs `bgctl drain --auto` every minute.

    Nothing is installed. bgctl locks by itself: no flock is needed.
    """
    from toolkit import cron

    site = options.site(app, as_json)
    argv = [str(own_path()), "--project", str(site.root), "drain", "--auto"]
    name = site.config.project.name
    texts = {
        "crontab": cron.crontab(argv),
        "service": cron.service(argv, name),
        "timer": cron.timer(name),
    }
    if as_json:
        site.ui.emit(texts)
    elif form in texts:
        click.echo(texts[form], nl=False)
    else:
        click.echo("\n".join(parts(texts, name, everything=form is None)), nl=False)


def parts(texts: dict[str, str], name: str, everything: bool) -> list[str]:
    """The texts, each under the name of the file that it belongs into."""
    folder = "/etc/systemd/system" if os.getuid() == 0 else "~/.config/systemd/user"
    start = "systemctl" if os.getuid() == 0 else "loginctl enable-linger; systemctl --user"
    units = [
        f"# {folder}/bgctl-{name}.service\n{texts['service']}",
        f"# {folder}/bgctl-{name}.timer   (then: {start} enable --now bgctl-{name}.timer)\n{texts['timer']}",
    ]
    return (
        [f"# crontab -e: this line, or the two systemd units\n{texts['crontab']}", *units]
        if everything
        else units
    )


def own_path() -> Path:
    """This bgctl: where it was called, else beside the interpreter that it runs with."""
    called = shutil.which(sys.argv[0])
    here = Path(called or sys.executable).absolute()
    return here if here.name == "bgctl" else Path(sys.executable).absolute().with_name("bgctl")
