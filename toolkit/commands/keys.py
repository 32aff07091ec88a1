"""`bgctl keys`: makes, rotates and lists signing keys; imports the app's own."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit import options
from toolkit.commands import keys_import, keys_refresh
from toolkit.context import App
from toolkit.terminal import humanize
from toolkit.terminal.help_text import Group
from toolkit.values import stamp

if TYPE_CHECKING:
    from session_api.keys.listing import KeyInfo

ALGORITHMS = ("EdDSA", "ES256", "RS256", "HS256")  # those with which we sign
alg_option = click.option(
    "--alg", type=click.Choice(ALGORITHMS), help="Algorithm.  [default: EdDSA, or as before]"
)
secret_option = click.option(
    "--import-secret-file",
    "secret_file",
    type=keys_import.FILE,
    help="An existing HS256 secret, such as the app's JWT_SECRET, to sign with (else: keys import).",
)


@click.group(
    "keys",
    cls=Group,
    examples={
        "bgctl keys list": "",
        "bgctl keys rotate": "sign with a new key from now on",
    },
)
def command() -> None:
    """Make, rotate and list signing keys; import the app's own."""


@command.command(
    "init",
    examples={
        "bgctl keys init": "a key of our own",
        "bgctl keys init --import-secret-file jwt.secret": "the secret with which the app signs already",
    },
)
@alg_option
@secret_option
@keys_import.short_option
@options.dry_run_option
@click.pass_obj
def init(
    app: App, alg: str | None, secret_file: Path | None, allow_short_secret: bool, dry_run: bool
) -> None:
    """Make keys/: a signing key, and the keys of proxy, app and bgctl. Replaces nothing.

    With --import-secret-file, tokens of the app and ours are signed with one secret."""
    from session_api.keys import algorithms, app_keys, signing_keys

    project = options.project(app)
    secret = keys_import.read(secret_file) if secret_file else None
    short = None
    if allow_short_secret and secret is not None and len(secret) < algorithms.SECRET_BYTES["HS256"]:
        secret, short = None, secret
    alg = alg or ("HS256" if secret is not None else "EdDSA")
    if dry_run:
        project.ui.say(f"would make {project.keys_dir} with a key for {alg}; nothing changed")
        return
    with keys_import.writing(project, "keys init"):
        key = signing_keys.create(project.keys_dir, alg, secret=secret, owner=project.owner)
        if short is not None:
            imported = app_keys.trust(
                project.keys_dir, "HS256", short, takes_short=allow_short_secret, owner=project.owner
            )
    project.ui.say(f"{key.kid} ({key.alg}) signs from now on; keep a copy of {project.keys_dir}")
    if short is not None:
        keys_import.say_imported(project, imported)


command.add_command(keys_import.command)
command.add_command(keys_refresh.command)


@command.command("remove", examples={"bgctl keys remove app-1": "one that keys list names"})
@click.argument("kid")
@options.dry_run_option
@click.pass_obj
def remove(app: App, kid: str, dry_run: bool) -> None:
    """Accept tokens of an imported key no more."""
    from session_api.keys import app_keys

    project = options.project(app)
    if dry_run:
        project.ui.say(f"would remove {kid}; nothing changed")
        return
    with keys_import.writing(project, "keys remove"):
        app_keys.remove(project.keys_dir, kid, owner=project.owner)
    project.ui.say(f"{kid} is removed: tokens that are signed with it are not accepted any more")
    keys_import.say_next(project)


@command.command(
    "rotate",
    examples={
        "bgctl keys rotate": "",
        "bgctl keys rotate --alg ES256": "with another algorithm",
    },
)
@alg_option
@secret_option
@options.dry_run_option
@click.pass_obj
def rotate(app: App, alg: str | None, secret_file: Path | None, dry_run: bool) -> None:
    """Sign with a new key; the old one's tokens are accepted for as long as they last ([tokens] longest).

    Keys past that are removed."""
    from session_api.keys import listing, signing_keys

    project = options.project(app)
    longest = project.config.tokens.longest
    if dry_run:
        old = next(key for key in listing.describe(project.keys_dir) if key.state == "signing")
        project.ui.say(f"would replace {old.kid} ({old.alg}) as the signing key; nothing changed")
        return
    secret = keys_import.read(secret_file) if secret_file else None
    with keys_import.writing(project, "keys rotate"):
        key = signing_keys.rotate(
            project.keys_dir, alg, secret=secret, owner=project.owner, keep=int(longest)
        )
    accepted = humanize.span(longest)
    project.ui.say(
        f"{key.kid} ({key.alg}) signs from now on; tokens of the one before are accepted for {accepted}"
    )
    keys_import.say_next(project)


@command.command("list", examples={"bgctl keys list": ""})
@options.json_option
@click.pass_obj
def list_keys(app: App, as_json: bool) -> None:
    """Show every key and until when its tokens are accepted."""
    from session_api.keys import listing

    project = options.project(app, as_json)
    keys = listing.describe(project.keys_dir)
    if as_json:
        project.ui.emit(keys)
        return
    rows = [
        (key.kid, key.alg, _state(key), stamp(key.created_at), key.retire_at and stamp(key.retire_at))
        for key in keys
    ]
    project.ui.table(("key", "algorithm", "state", "created", "accepted until"), rows)


def _state(key: "KeyInfo") -> str:
    return f"{key.state}, {key.source}" if key.source else key.state
