"""Help, suggestions, completion, the manual page, and README's table: each names every command."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.unit.toolkit.support.worlds import BGCTL, ROOT
from toolkit import cli
from toolkit.terminal import manual
from toolkit.terminal.help_text import Command, Group

WIDTH = 80


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command, groups included, with its words."""
    ctx = click.Context(cli.cli)
    for name in cli.COMMANDS:
        command = cli.cli.get_command(ctx, name)
        assert command
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", each) for sub, each in command.commands.items())


def help_of(*argv: str) -> str:
    env = {**os.environ, "COLUMNS": str(WIDTH)}
    return subprocess.run(
        [BGCTL, *argv, "--help"], capture_output=True, text=True, check=True, env=env
    ).stdout


def test_help_has_sections_and_a_line_for_each_command() -> None:
    lines = help_of().splitlines()
    at = -1
    for title, names in cli.SECTIONS.items():
        assert lines.index(f"{title}:") > at, "in this order"
        at = lines.index(f"{title}:")
        said = [line.split(maxsplit=1) for line in lines[at + 1 : at + 1 + len(names)]]
        assert said == [[name, line] for name, line in names.items()], "not one is broken"


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_has_an_example_that_is_one(name: str, command: click.Command) -> None:
    assert isinstance(command, Command | Group)
    assert command.examples
    assert any(f"bgctl {name}" in line for line in command.examples)
    for line in command.examples:
        for argv in re.findall(r"bgctl ([^|>)<#]*)", line):
            parsed = understood(shlex.split(argv))
            assert parsed, f"{line}: {argv}"


def understood(argv: list[str]) -> bool:
    """Whether click takes this command line; nothing of it is run."""
    ctx = click.Context(cli.cli, info_name="bgctl")
    command = cli.cli.get_command(ctx, argv[0])
    if isinstance(command, click.Group):
        command, argv = command.get_command(ctx, argv[1]), argv[1:]
    if command is None:
        return False
    values = [ROOT / "pyproject.toml" if word == "jwt.secret" else word for word in argv[1:]]
    if "--help" in values:
        return True
    command.make_context(argv[0], [str(value) for value in values], parent=ctx)
    return True


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_help_is_as_wide_as_the_screen_at_most(name: str, command: click.Command) -> None:
    text = command.get_help(click.Context(command, click.Context(cli.cli, info_name="bgctl"), info_name=name))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "Examples:" in text


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("depoy 1.6.8", "'deploy'"),
        ("rolback", "'rollback'"),
        ("upgreen", "'up-green'"),
        ("log", "'logs'"),
        ("route enable-gren", "'enable-green'"),
        ("keys rotat", "'rotate'"),
        ("status --jsn", "'--json'"),
        ("deploy 1.6.8 --dryrun", "'--dry-run'"),
        ("pause --dry-rn", "'--dry-run'"),
        ("--projekt . status", "'--project'"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(
    line: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(line.split()) == 2
    said = capsys.readouterr().err
    assert "Did you mean" in said
    assert meant in said


def test_what_is_like_nothing_gets_no_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["xyzzy"]) == 2
    assert "mean" not in capsys.readouterr().err


def test_yes_is_ask_nothing_and_auto_is_drains_alone() -> None:
    flags = {
        name: {flag: option for option in command.params for flag in option.opts}
        for name, command in commands()
    }
    asking = {name for name, found in flags.items() if "--yes" in found}
    assert asking == {"adopt", "deploy", "drain", "down", "rollback", "route disable-blue"}
    assert {name for name, found in flags.items() if "--auto" in found} == {"deploy", "drain"}
    old = flags["deploy"]["--auto"]
    assert isinstance(old, click.Option) and old.hidden, "the old name of deploy's --yes is taken, not shown"


SHELLS = {
    "bash": "source <(bgctl completion bash); COMP_WORDS=({words} ''); COMP_CWORD={at}; "
    "_bgctl_completion bgctl; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
    "zsh": "autoload -Uz compinit; compinit -u -D; source <(bgctl completion zsh); words=({words} ''); "
    '_describe() {{ print -l -- "${{(@P)3}}"; }}; compadd() {{ print -l -- "${{(@P)5}}"; }}; '
    "CURRENT=$(( {at} + 1 )); _bgctl_completion",
    "fish": "bgctl completion fish | source; complete -C '{words} '",
}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("bgctl", {"deploy", "rollback", "logs", "man"}),
        ("bgctl route", {"enable-green", "canary"}),
        ("bgctl completion", {"bash", "zsh", "fish"}),
        ("bgctl logs", {"blue", "green", "proxy", "session-api", "frontend-blue"}),
    ],
)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(shell: str, words: str, offered: set[str], tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    shutil.copy(ROOT / "bgctl.example.toml", tmp_path / "bgctl.toml")
    script = SHELLS[shell].format(words=words, at=len(words.split()))
    env = {**os.environ, "PATH": f"{BGCTL.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, env=env, cwd=tmp_path)
    assert offered <= set(re.split(r"[\s:]+", done.stdout)), done.stdout + done.stderr


def test_completion_of_options(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "_BGCTL_COMPLETE": "bash_complete",
        "COMP_WORDS": "bgctl deploy --",
        "COMP_CWORD": "2",
    }
    done = subprocess.run([BGCTL], capture_output=True, text=True, env=env, cwd=tmp_path)
    assert "plain,--yes" in done.stdout.splitlines()
    assert "--auto" not in done.stdout


def test_the_manual_page_has_every_command_and_option() -> None:
    text = manual.page(cli.cli).replace("\\-", "-")
    for name, command in commands():
        assert f"\\fBbgctl {name}\\fR" in text
        shown = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
        assert all(option.opts[-1] in text for option in shown)


@pytest.mark.parametrize(
    "reader", ["groff -ww -man -Tutf8", "man --warnings -E UTF-8 -l", "mandoc -T lint", "mandoc -T utf8"]
)
def test_the_manual_page_is_read_without_a_warning(reader: str, tmp_path: Path) -> None:
    program, *options = reader.split()
    if not shutil.which(program):
        pytest.skip(f"no {program} here")
    page = tmp_path / "bgctl.1"
    page.write_text(manual.page(cli.cli))
    done = subprocess.run(
        [program, *options, page], capture_output=True, text=True, env={**os.environ, "PAGER": "cat"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert options == ["-T", "lint"] or "rollback" in done.stdout.replace("\b", "")


@pytest.mark.parametrize("text", [".TH not a request", "'br neither", "a\\nb", "--json", "`x`"])
def test_nothing_of_a_text_is_a_request(text: str) -> None:
    assert not manual.escaped(text).startswith((".", "'"))
    assert not re.search(r"\\(?![e\-(&])", manual.escaped(text))


def table_of_the_readme() -> list[str]:
    """The first cells of its table of commands."""
    section = (ROOT / "README.md").read_text().partition("\n## Commands\n")[2].partition("\n## ")[0]
    return [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]


def test_the_readme_names_every_command_and_none_that_is_not() -> None:
    named: set[str] = set()
    for cell in table_of_the_readme():
        last: list[str] = []
        for line in re.findall(r"`([^`]*)`", cell):
            words = line.removeprefix("bgctl ").split()
            if words[0] not in cli.COMMANDS:  # `route disable-green` · `disable-blue`
                assert last, line
                words = [*last[:-1], *words]
            named.add(checked(words))
            last = (
                words
                if isinstance(cli.cli.get_command(click.Context(cli.cli), words[0]), click.Group)
                else []
            )
    assert named == set(cli.COMMANDS)


def checked(words: list[str]) -> str:
    """The command; its options and subcommands exist."""
    name, *rest = words
    command = cli.cli.get_command(click.Context(cli.cli), name)
    assert command, name
    if isinstance(command, click.Group):
        assert rest[0] in command.commands, words
        command = command.commands[rest[0]]
    known = {flag for option in command.params for flag in option.opts} | {"--"}
    for word in rest:
        flag = word.strip("[]")
        assert not flag.startswith("-") or flag in known, f"{' '.join(words)}: {flag}"
    return name
