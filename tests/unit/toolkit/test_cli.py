"""The command line: help, exit codes, and no traceback for what a user or a broken machine can do."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.unit.toolkit.support.worlds import BGCTL, ROOT
from toolkit import cli
from toolkit.errors import BgctlError, Failed, Locked, NotYet, Refused

INTERRUPTED = """bgctl: interrupted; what is done stays done
next: bgctl status   (goes on from here), or: bgctl status"""
HEAVY = ("click.shell_completion", "sh", "requests", "rich", "jinja2", "msgspec", "cryptography")


def test_help_lists_every_command_and_imports_none() -> None:
    look = f"print([name for name in {HEAVY!r} if name in sys.modules])"
    code = f"import sys; from toolkit.cli import run; run(['--help']); {look}"
    done = subprocess.run(
        [BGCTL.parent / "python", "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.endswith("[]\n")
    for name, line in cli.COMMANDS.items():
        assert name in done.stdout
        assert line.rstrip(".") in " ".join(done.stdout.split())


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_commands_help_begins_as_the_list_says(name: str) -> None:
    command = cli.cli.get_command(click.Context(cli.cli), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").splitlines()[0] == cli.COMMANDS[name]


def leaves() -> list[tuple[str, click.Command]]:
    found = []
    for name in cli.COMMANDS:
        command = import_module(f"toolkit.commands.{name.replace('-', '_')}").command
        group = command.commands.items() if isinstance(command, click.Group) else [("", command)]
        found += [(f"{name} {sub}".strip(), each) for sub, each in group]
    return found


READING = {
    "cron",
    "status",
    "sessions",
    "monitor",
    "history",
    "report",
    "explain",
    "logs",
    "doctor",
    "route status",
    "keys list",
}


TEXT = {"completion", "man"}  # which other programs read
OTHERS = {"exec", "compose"}  # hand a command line on to another program


@pytest.mark.parametrize(("name", "command"), leaves())
def test_reading_commands_have_json_and_changing_ones_a_dry_run(name: str, command: click.Command) -> None:
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert name in TEXT | OTHERS or ("--json" if name in READING else "--dry-run") in flags
    assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))
    assert command.help


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "route",
        "route purple",
        "route canary 101",
        "drain --timeout soon",
        "--nope",
        "up extra",
        "keys init --alg none",
        "history -n 0",
    ],
)
def test_usage_is_2(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(line.split()) == 2
    assert "Usage: bgctl" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["status"], ["up"], ["doctor"], ["history"], ["drain", "--auto"]])
def test_a_folder_without_a_project_is_refused(tmp_path: Path, argv: list[str]) -> None:
    done = subprocess.run([BGCTL, "--project", tmp_path, *argv], capture_output=True, text=True)
    assert done.returncode == (1 if argv == ["doctor"] else 3)
    assert "bgctl.toml" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Failed("no", "why", "bgctl status"), 1, "bgctl: no: why\nnext: bgctl status"),
        (Refused("no", "why"), 3, "bgctl: no: why"),
        (Locked("no"), 4, "bgctl: no"),
        (NotYet("no", "3 sessions"), 5, "bgctl: no: 3 sessions"),
        (Failed("no", detail="[red]log[/red]"), 1, "bgctl: no\n[red]log[/red]"),
        (KeyboardInterrupt(), 130, INTERRUPTED),
        (ZeroDivisionError("oops"), 1, "bug: ZeroDivisionError: oops; rerun with --debug"),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli.cli, "main", fail)
    assert cli.run(["status"]) == code
    assert capsys.readouterr().err.strip() == said


def test_debug_shows_where(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli.cli, "main", fail)
    assert cli.run(["--debug", "status"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_every_error_has_an_exit_code() -> None:
    assert {kind.__name__: kind.code for kind in BgctlError.__subclasses__()} == {
        "Failed": 1,
        "Refused": 3,
        "Locked": 4,
        "NotYet": 5,
    }


def test_an_unknown_command_in_process() -> None:
    assert CliRunner().invoke(cli.cli, ["nonsense"]).exit_code == 2


LOST = """\
import os, signal, time, weakref
from toolkit import cli

class Thing: pass

cli.listen()
thing = Thing()
seen = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGTERM) or time.sleep(0))
try:
    del thing
    time.sleep(20)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.threat(46)
def test_46_an_interruption_in_a_callback_is_not_lost() -> None:
    """Python ignores what is raised there, and imports have such callbacks for their locks."""
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
