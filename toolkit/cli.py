"""The command line: a lazy group, and the one place where errors become exit codes."""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click
from click.core import ParameterSource

from toolkit import __version__
from toolkit.context import CALLER, App
from toolkit.errors import BgctlError, Refused
from toolkit.files import disk
from toolkit.terminal.help_text import Sections
from toolkit.terminal.safe_stream import SafeStream

# Name, and the line in `bgctl --help`: help must not import what the commands import.
SECTIONS = {
    "Release": {
        "deploy": "Release VERSION from beginning to end.",
        "up-green": "Start the new version beside the old one.",
        "preview": "Print a link that shows the new version before others get it.",
        "route": "Send new sessions to blue, to green, or to both.",
        "drain": "Wait until the old version is empty.",
        "promote": "Make the new version the stable one.",
        "rollback": "Send everyone back to the old version.",
        "restart": "Start the running version again, with the settings of today.",
        "prune": "Remove the images of old versions.",
    },
    "Watch": {
        "status": "Show slots, sessions and what the proxy has applied.",
        "sessions": "Show how many sessions each version has.",
        "monitor": "Watch a release: slots, sessions, who is left, what is wrong.",
        "logs": "Show the last log lines of a slot, a service or all.",
        "history": "Tell each release as a story: who did what, and what users saw.",
        "report": "Make a page or Markdown of a release, for the team.",
        "explain": "Show which slot a token or a request gets, and why.",
    },
    "Reach in": {
        "exec": "Run a command in a container of a slot or service.",
        "compose": "Hand a command line to the project's compose command.",
    },
    "Run": {
        "up": "Start the stack, or bring it back as the state says.",
        "down": "Stop the stack; data, keys and state are kept.",
        "reload": "Give the proxy a changed configuration or certificate.",
        "certificate": "Obtain and renew certificates by ACME.",
        "node": "Take a node out for maintenance, and put it back.",
        "pause": "Hold new requests for a moment, for as long as a command runs.",
        "resume": "Let the held requests through.",
        "maintenance": "Show everybody a page, but for the addresses that are allowed.",
    },
    "Set up": {
        "init": "Write the bgctl.toml of a compose project.",
        "adopt": "Make blue of what runs, without a lost request.",
        "images": "Make the images of proxy and session API.",
        "doctor": "Check everything that a release needs.",
        "keys": "Make, rotate and list signing keys; import the app's own.",
        "cron": "Print what drains every minute and starts the stack at boot.",
        "completion": "Print the script that completes commands in a shell.",
        "man": "Print the manual page.",
    },
}
COMMANDS = {name: line for commands in SECTIONS.values() for name, line in commands.items()}
INTERRUPTED = 130


class Commands(Sections):
    sections = SECTIONS

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = import_module(f"toolkit.commands.{name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """With --host nothing is looked at here: the other machine knows what there is."""
        if host := ctx.params["host"]:
            from toolkit import remote

            return remote.run(host, [*_global(ctx), *ctx.protected_args, *ctx.args])
        return super().invoke(ctx)


def _global(ctx: click.Context) -> list[str]:
    """The global options that concern the other machine, too."""
    named = ctx.get_parameter_source("project") is not ParameterSource.DEFAULT
    project = ["--project", str(ctx.params["project"])] if named else []
    without = [word for node in ctx.params["without"] for word in ("--without", node)]
    return [*project, *without, *(["--debug"] if ctx.params["debug"] else [])]


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples={
        "bgctl up": "starts the stack",
        "bgctl deploy 1.6.8": "releases a version",
        "bgctl deploy --help": "what a command does and takes",
    },
)
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    envvar="BGCTL_PROJECT",
    help="The project directory; also BGCTL_PROJECT.  [default: .]",
)
@click.option(
    "--host",
    metavar="[USER@]SERVER",
    envvar="BGCTL_HOST",
    help="Run it on that machine, by ssh; DIR is there, and begins in USER's home.",
)
@click.option(
    "--without",
    metavar="NODE",
    multiple=True,
    help="On a swarm: go on though this node is not heard. It follows when it is back.",
)
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(__version__)
@click.pass_context
def cli(ctx: click.Context, project: Path, host: str | None, without: tuple[str, ...], debug: bool) -> None:
    """Blue-green releases: sessions stay on their version, and the old one stops when it is empty.

    Exit codes: 0 done; 1 failed; 2 usage; 3 refused, nothing changed; 4 locked by another; 5 not yet;
    130 interrupted.
    """
    ctx.obj = App(project, debug, frozenset(without))
    if os.environ.get(CALLER):
        from toolkit import remote

        remote.end_with_caller()


def run(argv: Sequence[str]) -> int:
    """The exit code."""
    command = "bgctl " + " ".join(argv)
    try:
        result = cli.main(args=list(argv), prog_name="bgctl", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _interrupted(command)
    except Exception as error:
        return _fail(error, debug="--debug" in argv)
    return result if isinstance(result, int) else 0


def main() -> None:
    sys.stdout, sys.stderr = SafeStream(sys.stdout), SafeStream(sys.stderr)
    listen()
    sys.exit(run(sys.argv[1:]))


def listen() -> None:
    """Every polite signal is an interruption, and none is lost."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:  # nohup
            signal.signal(ending, signal.default_int_handler)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    sys.unraisablehook = _come_again


def _come_again(lost: "sys.UnraisableHookArgs") -> None:
    """Python drops an interruption that meets it in a finalizer, or in a callback such as imports have."""
    if lost.exc_type is KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
    else:
        sys.__unraisablehook__(lost)


def _interrupted(command: str) -> int:
    click.echo("\nbgctl: interrupted; what is done stays done", err=True)
    click.echo(f"next: {command}   (goes on from here), or: bgctl status", err=True)
    return INTERRUPTED


def _fail(error: Exception, debug: bool) -> int:
    from session_api.errors import SetupError
    from toolkit.terminal.ui import UI

    if isinstance(error, SetupError):
        error = Refused(error.what, next=error.next_step)
    if isinstance(error, OSError) and error.errno in disk.FULL:
        error = disk.unwritten(Path(error.filename or "."), error)
    if debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, BgctlError):
        UI().error(error)
        return error.code
    click.echo(f"bug: {type(error).__name__}: {error}; rerun with --debug", err=True)
    return 1
