"""`bgctl init`: writes the bgctl.toml of a compose project."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command

if TYPE_CHECKING:
    from toolkit.config.kinds import HealthPath, Host, Route
    from toolkit.init.plan import Given
    from toolkit.values import Address

T = TypeVar("T")


def _host(text: str) -> Host:
    """A click type: "shop.example", or "" for none yet."""
    from toolkit.config.kinds import Host

    return _parsed(Host.parse, text.removeprefix("https://").rstrip("/"))


def _health(text: str) -> HealthPath:
    """A click type: a path, or "container"."""
    from toolkit.config.kinds import HealthPath

    return _parsed(HealthPath.parse, text)


def _address(text: str) -> Address:
    """A click type: "127.0.0.1:8080"."""
    from toolkit.values import Address

    return _parsed(Address.parse, text)


def _version(text: str) -> str:
    """A click type: a version as it stands in the env file."""
    from toolkit.values import is_version

    if not is_version(text):
        raise click.BadParameter(f"{text!r} is no version; write one like 1.6.7")
    return text


def _also(text: str) -> tuple[str, tuple[Route, ...]]:
    """A click type: "api=/api/", or "api=/api/,= /login"; "api" alone has no paths."""
    from toolkit.config.kinds import Route

    name, given, routes = text.partition("=")
    if name and not given:
        return name, ()
    if not (name and routes):
        raise click.BadParameter(f"{text!r} is not NAME=/PATH/; write one like api=/api/, or api")
    return name, tuple(_parsed(Route.parse, route.strip()) for route in routes.split(","))


def _parsed(parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


class Terminal:
    """Asks the operator on the terminal; what is asked goes to standard error, as for all questions."""

    can_ask = True

    def choose(self, question: str, options: Sequence[str]) -> str:
        answer: str = click.prompt(question, type=click.Choice(options), err=True)
        return answer

    def text(self, question: str, parse: Callable[[str], T], default: str) -> T:
        def convert(text: str) -> T:
            return _parsed(parse, text)

        shown = bool(default)
        answer: T = click.prompt(
            question,
            default=default,
            value_proc=convert,
            show_default=shown,
            err=True,
        )
        return answer


@click.command(
    "init",
    cls=Command,
    examples={
        "bgctl init --dry-run": "what it would write, as a diff",
        "bgctl init --example": "every setting, explained",
        "bgctl init --domain shop.example": "browsers come by HTTPS",
        "bgctl init --service web --also api=/api/": "two services, released together",
        "bgctl init --port 8000 --health /health": "what it cannot see by itself",
    },
)
@click.option("--service", default="", metavar="NAME", help="The service that people use.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=None, help="Where it listens in its container."
)
@click.option("--health", type=_health, metavar="PATH", help='It answers with a 2xx; or "container".')
@click.option("--domain", type=_host, metavar="NAME", help='What browsers show, by HTTPS; "": none yet.')
@click.option("--listen", type=_address, metavar="IP:PORT", help="Where bgctl's proxy listens.")
@click.option("--version", type=_version, metavar="VERSION", help="The version that runs today.")
@click.option(
    "--also",
    type=_also,
    multiple=True,
    metavar="NAME[=/PATH/]",
    help="Another service, with its paths; without: one that only the others ask.",
)
@click.option("--compose-file", "files", multiple=True, metavar="FILE", help="Instead of compose's choice.")
@click.option("--engine", type=click.Choice(("docker", "podman")), help="Instead of the first that answers.")
@click.option("--force", is_flag=True, help="Replace bgctl.toml; the old one stays as bgctl.toml.old.")
@click.option("--example", is_flag=True, help="Print a bgctl.toml with every setting explained; only that.")
@options.dry_run_option
@click.pass_obj
def command(
    app: App, /, files: tuple[str, ...], force: bool, example: bool, dry_run: bool, **said: object
) -> None:
    """Write the bgctl.toml of a compose project.

    It asks the compose command what is here, guesses, and on a terminal asks for what it cannot see; each
    answer is an option, too. Compose files are only read. The env file, .dockerignore and .gitignore get
    lines at their ends. Nothing is written where something is refused.
    """
    from toolkit.shipped import shipped

    if example:
        click.echo(shipped("bgctl.example.toml").read_text("utf-8"), nl=False)
        return
    from toolkit.init import files as init_files
    from toolkit.init import flow
    from toolkit.init.questions import Nobody
    from toolkit.terminal.ui import UI

    ui = UI()
    ask = Terminal() if ui.can_ask and sys.stderr.isatty() else Nobody()
    done = flow.run(app.project, _given(files, said), ask, force)
    flow.show(ui, done, dry_run)
    if not dry_run:
        init_files.write(done.changes)
    flow.show_end(ui, done, dry_run)


def _given(files: tuple[str, ...], said: dict[str, object]) -> Given:
    from toolkit.init.plan import Given

    also = said.pop("also")
    given = {name: value for name, value in said.items() if value is not None}
    return Given(compose_files=files, also=dict(also), **given)  # type: ignore[arg-type, call-overload]
