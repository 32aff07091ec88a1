"""`bgctl keys`: makes, rotates and lists signing keys; imports the app's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit import options
from toolkit.context import App
from toolkit.errors import Refused
from toolkit.files import disk
from toolkit.project import Project
from toolkit.terminal import humanize
from toolkit.terminal.help_text import Group
from toolkit.values import stamp

if TYPE_CHECKING:
    from session_api.keys.listing import KeyInfo

ALGORITHMS = ("EdDSA", "ES256", "RS256", "HS256")
LONGEST_ISSUER = 200
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
alg_option = click.option(
    "--alg", type=click.Choice(ALGORITHMS), help="Algorithm.  [default: EdDSA, or as before]"
)
secret_option = click.option(
    "--import-secret-file",
    "secret_file",
    type=FILE,
    help="An existing HS256 secret, such as the app's JWT_SECRET, to sign with (else: keys import).",
)
issuer_option = click.option(
    "--issuer", help="What the app's tokens have to name as iss.  [default: anything, or nothing]"
)
short_option = click.option(
    "--allow-short-secret",
    is_flag=True,
    help="Take a secret under 32 bytes: its tokens are accepted, it signs nothing.",
)
WEAK = "{kid}: a short secret can be guessed. Whoever does chooses a version, and a name to be counted by"
TRIED = "more than {most} keys are for {alg}: tokens for it that name none (kid) are refused"


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
@short_option
@options.dry_run_option
@click.pass_obj
def init(
    app: App, alg: str | None, secret_file: Path | None, allow_short_secret: bool, dry_run: bool
) -> None:
    """Make keys/: a signing key, and the keys of proxy, app and bgctl. Replaces nothing.

    With --import-secret-file, tokens of the app and ours are signed with one secret."""
    from session_api.keys import algorithms, app_keys, signing_keys

    project = options.project(app)
    secret = _secret(secret_file)
    short = None
    if allow_short_secret and secret is not None and len(secret) < algorithms.MIN_SECRET_BYTES:
        secret, short = None, secret
    alg = alg or ("HS256" if secret is not None else "EdDSA")
    if dry_run:
        project.ui.say(f"would make {project.keys_dir} with a key for {alg}; nothing changed")
        return
    with _writing(project, "keys init"):
        key = signing_keys.create(project.keys_dir, alg, secret=secret, owner=project.owner)
        if short is not None:
            imported = app_keys.trust(
                project.keys_dir, "HS256", short, takes_short=allow_short_secret, owner=project.owner
            )
    project.ui.say(f"{key.kid} ({key.alg}) signs from now on; keep a copy of {project.keys_dir}")
    if short is not None:
        _say_imported(project, imported)


@command.command(
    "import", examples={"bgctl keys import --secret-file jwt.secret": "the app signs its tokens itself"}
)
@click.option("--secret-file", type=FILE, help="The app's HS256 secret (JWT_SECRET).")
@click.option("--public-key-file", type=FILE, help="The app's public key, as PEM: Ed25519, P-256 or RSA.")
@click.option("--kid", help="The kid that the app's tokens name; without one they need none.")
@issuer_option
@short_option
@options.dry_run_option
@click.pass_obj
def import_key(
    app: App,
    secret_file: Path | None,
    public_key_file: Path | None,
    kid: str | None,
    issuer: str | None,
    allow_short_secret: bool,
    dry_run: bool,
) -> None:
    """Accept tokens that the app makes itself. The key signs none of ours.

    Of a key that is there already, the terms are changed: --issuer, and that the app signs with it."""
    from session_api.keys import app_keys

    project = options.project(app)
    if (secret_file is None) == (public_key_file is None):
        raise click.UsageError("give one of --secret-file and --public-key-file")
    if issuer is not None and not 1 <= len(issuer) <= LONGEST_ISSUER:
        raise click.UsageError(f"--issuer must have 1 to {LONGEST_ISSUER} characters")
    content = _secret(secret_file) if secret_file else _secret(public_key_file)
    assert content is not None
    alg = "HS256" if secret_file else _algorithm(content, public_key_file)
    if dry_run:
        project.ui.say(f"would accept what the app signs with a key for {alg}; nothing changed")
        return
    with _writing(project, "keys import"):
        key = app_keys.trust(
            *(project.keys_dir, alg, content),
            kid=kid,
            issuer=issuer,
            takes_short=allow_short_secret,
            owner=project.owner,
        )
    _say_imported(project, key)


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
    with _writing(project, "keys remove"):
        app_keys.remove(project.keys_dir, kid, owner=project.owner)
    project.ui.say(f"{kid} is removed: tokens that are signed with it are not accepted any more")


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
    with _writing(project, "keys rotate"):
        key = signing_keys.rotate(
            project.keys_dir, alg, secret=_secret(secret_file), owner=project.owner, keep=int(longest)
        )
    accepted = humanize.span(longest)
    project.ui.say(
        f"{key.kid} ({key.alg}) signs from now on; tokens of the one before are accepted for {accepted}"
    )


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
        (key.kid, key.alg, key.state, stamp(key.created_at), key.retire_at and stamp(key.retire_at))
        for key in keys
    ]
    project.ui.table(("key", "algorithm", "state", "created", "accepted until"), rows)


def _say_imported(project: Project, key: "KeyInfo") -> None:
    from session_api.keys import listing
    from session_api.tokens.tokens import MAX_TRIED

    of = f" of {key.issuer}" if key.issuer else ""
    also = "" if key.state == "imported" else "; it signs ours, too"
    project.ui.say(f"{key.kid} ({key.alg}): the app's own tokens{of} are accepted{also}")
    if key.short_secret:
        project.ui.warn(WEAK.format(kid=key.kid))
    good = [each for each in listing.describe(project.keys_dir) if each.state != "retired"]
    if sum(each.alg == key.alg for each in good) > MAX_TRIED:
        project.ui.warn(TRIED.format(most=MAX_TRIED, alg=key.alg))


def _algorithm(content: bytes, path: Path | None) -> str:
    """What a public key is for."""
    from session_api.keys import algorithms

    try:
        return algorithms.of_public_key(content)
    except ValueError as error:
        why = "a public key for EdDSA, ES256 or RS256 is needed"
        raise Refused(f"{path} {error}", why, "bgctl keys import --help") from None


def _secret(path: Path | None) -> bytes | None:
    return path.read_bytes().rstrip(b"\r\n") if path else None


@contextmanager
def _writing(project: Project, what: str) -> Iterator[None]:
    """Under the lock and in the history; a broken disk is told in our words."""
    with project.change(what):
        try:
            yield
        except OSError as error:
            raise disk.unwritten(project.keys_dir, error) from None
