"""`bgctl cron`: prints what drains every minute and starts the stack at boot."""

import os
import shutil
import sys
from pathlib import Path

import click

from toolkit import options
from toolkit.context import App
from toolkit.errors import Refused
from toolkit.terminal.help_text import Command


@click.command(
    "cron",
    cls=Command,
    examples={
        "bgctl cron": "all of it, to choose from",
        "bgctl cron --crontab": "the crontab line alone",
    },
)
@click.option("--crontab", "form", flag_value="crontab", help="The crontab line alone.")
@click.option("--systemd", "form", flag_value="systemd", help="systemd's units alone.")
@click.option("--service", "form", flag_value="service", help="The service alone, for a file of its own.")
@click.option("--timer", "form", flag_value="timer", help="The timer alone, for a file of its own.")
@click.option("--boot", "form", flag_value="boot", help="The service for boot alone, for a file of its own.")
@click.option(
    "--certificate-service", "form", flag_value="certificateService", help="What renews certificates, alone."
)
@click.option(
    "--certificate-timer",
    "form",
    flag_value="certificateTimer",
    help="Its timer alone, for a file of its own.",
)
@options.json_option
@click.pass_obj
def command(app: App, form: str | None, as_json: bool) -> None:
    """Print what drains every minute and starts the stack at boot.

    That is `bgctl drain --auto` and `bgctl up`, as crontab lines and as systemd units; with [acme], also what
    renews the certificate, twice a day. Nothing is installed. bgctl locks by itself: no flock is needed.
    """
    project = options.project(app, as_json)
    name = project.config.project.name
    texts = texts_of([str(own_path()), "--project", str(project.root)], name, project.config.acme.on)
    if form and form.startswith("certificate") and form not in texts:
        mend = "write hosts and agree_tos = true under [acme] in bgctl.toml"
        raise Refused("no certificate is renewed here", "[acme] is not on", mend)
    if as_json:
        project.ui.emit(texts)
    elif form in texts:
        click.echo(texts[form], nl=False)
    else:
        click.echo("\n".join(parts(texts, name, everything=form is None)), nl=False)


def texts_of(me: list[str], name: str, renews: bool) -> dict[str, str]:
    """Every text by its form. `me` is this bgctl with its project, `renews` whether [acme] is on."""
    from toolkit.cron import units

    argv, at_boot, renewal = [*me, "drain", "--auto"], [*me, "up"], [*me, "certificate", "--renew"]
    texts = {
        "crontab": units.crontab(argv) + (units.twice_a_day(renewal, name) if renews else ""),
        "service": units.service(argv, name),
        "timer": units.timer(name),
        "boot": units.boot(at_boot, name, system=os.getuid() == 0),
        "reboot": units.at_boot(at_boot),
    }
    if renews:
        texts["certificateService"] = units.certificate_service(renewal, name)
        texts["certificateTimer"] = units.certificate_timer(name)
    return texts


def parts(texts: dict[str, str], name: str, everything: bool) -> list[str]:
    """The texts, each under the name of the file that it belongs into."""
    folder = "/etc/systemd/system" if os.getuid() == 0 else "~/.config/systemd/user"
    start = "systemctl" if os.getuid() == 0 else "loginctl enable-linger; systemctl --user"
    found = [
        f"# {folder}/bgctl-{name}.service\n{texts['service']}",
        f"# {folder}/bgctl-{name}.timer   (then: {start} enable --now bgctl-{name}.timer)\n{texts['timer']}",
        f"# {folder}/bgctl-{name}-up.service   (then: {start} enable bgctl-{name}-up)\n{texts['boot']}",
    ]
    if renewal := texts.get("certificateService"):
        timer = f"bgctl-{name}-certificate.timer"
        found.append(f"# {folder}/bgctl-{name}-certificate.service\n{renewal}")
        found.append(
            f"# {folder}/{timer}   (then: {start} enable --now {timer})\n{texts['certificateTimer']}"
        )
    lines = texts["crontab"] + texts["reboot"]
    return [f"# crontab -e: these lines, or the systemd units\n{lines}", *found] if everything else found


def own_path() -> Path:
    """This bgctl: where it was called, else beside the interpreter that it runs with."""
    called = shutil.which(sys.argv[0])
    here = Path(called or sys.executable).absolute()
    return here if here.name == "bgctl" else Path(sys.executable).absolute().with_name("bgctl")
