"""bgctl keys"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from toolkit import options, words
from toolkit.cli import App
from toolkit.errors import Failed
from toolkit.helptext import Group
from toolkit.site import Site
from toolkit.values import stamp

ALGORITHMS = ("EdDSA", "ES256", "RS256", "HS256")
alg_option = click.option(
    "--alg", type=click.Choice(ALGORITHMS), help="Algorithm.  [default: EdDSA, or as before]"
)
secret_option = click.option(
    "--import-secret-file",
    "secret_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An existing HS256 secret, such as the app's JWT_SECRET.",
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
    """Make, rotate and list the signing keys."""


@command.command(
    "init",
    examples={
        "bgctl keys init": "a key of our own",
        "bgctl keys init --import-secret-file jwt.secret": "the secret with which the app signs already",
    },
)
@alg_option
@secret_option
@options.dry_run_option
@click.pass_obj
def init(app: App, alg: str | None, secret_file: Path | None, dry_run: bool) -> None:
    """Make keys/: a signing key, and the keys of proxy, app and bgctl. Replaces nothing."""
    from session_api import keyring

    site = options.site(app)
    alg = alg or ("HS256" if secret_file else "EdDSA")
    if dry_run:
        site.ui.say(f"would make {site.keys_dir} with a key for {alg}; nothing changed")
        return
    with _writing(site, "keys init"):
        key = keyring.create(site.keys_dir, alg, secret=_secret(secret_file), owner=site.owner)
    site.ui.say(f"{key.kid} ({key.alg}) signs from now on; keep a copy of {site.keys_dir}")


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
    from session_api import keyring

    site = options.site(app)
    longest = site.config.tokens.longest
    if dry_run:
        old = next(key for key in keyring.describe(site.keys_dir) if key.state == "signing")
        site.ui.say(f"would replace {old.kid} ({old.alg}) as the signing key; nothing changed")
        return
    with _writing(site, "keys rotate"):
        key = keyring.rotate(
            site.keys_dir, alg, secret=_secret(secret_file), owner=site.owner, keep=int(longest)
        )
    accepted = words.span(longest)
    site.ui.say(
        f"{key.kid} ({key.alg}) signs from now on; tokens of the one before are accepted for {accepted}"
    )


@command.command(
    "list",
    examples={"bgctl keys list": ""},
)
@options.json_option
@click.pass_obj
def list_keys(app: App, as_json: bool) -> None:
    """Show every key and until when its tokens are accepted."""
    from session_api import keyring

    site = options.site(app, as_json)
    keys = keyring.describe(site.keys_dir)
    if as_json:
        site.ui.emit(keys)
        return
    rows = [
        (key.kid, key.alg, key.state, stamp(key.created_at), key.retire_at and stamp(key.retire_at))
        for key in keys
    ]
    site.ui.table(("key", "algorithm", "state", "created", "accepted until"), rows)


def _secret(path: Path | None) -> bytes | None:
    return path.read_bytes().rstrip(b"\r\n") if path else None


@contextmanager
def _writing(site: Site, what: str) -> Iterator[None]:
    """Under the lock and in the history; a broken disk told in our words."""
    with site.change(what):
        try:
            yield
        except OSError as error:
            raise Failed(f"{site.keys_dir} could not be written", str(error), "bgctl doctor") from None
