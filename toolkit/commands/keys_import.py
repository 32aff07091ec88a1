"""`bgctl keys import`: the keys of tokens that the app makes itself."""

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
from toolkit.terminal.help_text import Command

if TYPE_CHECKING:
    from session_api.keys.listing import KeyInfo

# Those of session_api.keys.algorithms, which is slow to import.
ALGORITHMS = (
    *("EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("HS256", "HS384", "HS512"),
)
LONGEST_NAME = 200  # characters of an issuer, and of an audience
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
short_option = click.option(
    "--allow-short-secret",
    is_flag=True,
    help="Take a secret under 32 bytes: its tokens are accepted, it signs nothing.",
)
ON_NODES = "no node has this yet; next: bgctl up   (replaces proxies, then session APIs, node by node)"
WEAK = "{kid}: a short secret can be guessed. Whoever does chooses a version, and a name to be counted by"
TRIED = "more than {most} keys are for {alg}: tokens for it that name none (kid) are refused"


@click.command(
    "import",
    cls=Command,
    examples={
        "bgctl keys import --secret-file jwt.secret": "the app signs its tokens itself",
        "bgctl keys import --secret-file jwt.secret --audience shop": "only those whose aud says so",
    },
)
@click.option("--secret-file", type=FILE, help="The app's secret (JWT_SECRET).")
@click.option("--public-key-file", type=FILE, help="The app's public key, as PEM.")
@click.option(
    "--algorithm",
    type=click.Choice(ALGORITHMS),
    metavar="ALGORITHM",
    help="The one that the key is for, such as PS256.  [default: HS256, RS256, or what its curve says]",
)
@click.option("--kid", help="The kid that the app's tokens name; without one they need none.")
@click.option("--issuer", help="What the app's tokens have to name as iss.  [default: anything, or nothing]")
@click.option("--audience", help="What their aud has to be, or have in it.  [default: anything, or nothing]")
@short_option
@options.dry_run_option
@click.pass_obj
def command(
    app: App,
    secret_file: Path | None,
    public_key_file: Path | None,
    algorithm: str | None,
    kid: str | None,
    issuer: str | None,
    audience: str | None,
    allow_short_secret: bool,
    dry_run: bool,
) -> None:
    """Accept tokens that the app makes itself. The key signs none of ours.

    Of a key that is there already, the terms are changed: --issuer, --audience, --algorithm, and that the app
    signs with it."""
    from session_api.keys import app_keys

    project = options.project(app)
    path = secret_file or public_key_file
    if path is None or None not in (secret_file, public_key_file):
        raise click.UsageError("give one of --secret-file and --public-key-file")
    for option, name in (("--issuer", issuer), ("--audience", audience)):
        if name is not None and not 1 <= len(name) <= LONGEST_NAME:
            raise click.UsageError(f"{option} must have 1 to {LONGEST_NAME} characters")
    content = read(path)
    alg = _algorithm(project, content, path, has_secret=path is secret_file, wanted=algorithm)
    if dry_run:
        project.ui.say(f"would accept what the app signs with a key for {alg}; nothing changed")
        return
    with writing(project, "keys import"):
        key = app_keys.trust(
            *(project.keys_dir, alg, content),
            kid=kid,
            issuer=issuer,
            audience=audience,
            takes_short=allow_short_secret,
            owner=project.owner,
        )
    say_imported(project, key)
    say_next(project)


def say_imported(project: Project, key: "KeyInfo") -> None:
    from session_api.keys import listing
    from session_api.tokens.tokens import MAX_TRIED

    of = f" of {key.issuer}" if key.issuer else ""
    whom = f" for {key.audience}" if key.audience else ""
    also = "" if key.state == "imported" else "; it signs ours, too"
    project.ui.say(f"{key.kid} ({key.alg}): the app's own tokens{of}{whom} are accepted{also}")
    if key.short_secret:
        project.ui.warn(WEAK.format(kid=key.kid))
    good = [
        each for each in listing.describe(project.keys_dir) if each.state != "retired" and not each.source
    ]
    if sum(each.alg == key.alg for each in good) > MAX_TRIED:
        project.ui.warn(TRIED.format(most=MAX_TRIED, alg=key.alg))


def _algorithm(project: Project, content: bytes, path: Path, *, has_secret: bool, wanted: str | None) -> str:
    """What a key is for: what is asked for, if it is fit for that, else what it is in the ring or usually."""
    from session_api.keys import algorithms, app_keys

    try:
        fitting = tuple(algorithms.SECRET_BYTES) if has_secret else algorithms.of_public_key(content)
        usual = app_keys.algorithm(project.keys_dir, content, has_secret=has_secret)
    except ValueError as error:
        why = "a secret is needed" if has_secret else "a public key for EdDSA, ECDSA or RSA is needed, as PEM"
        raise Refused(f"{path} {error}", why, "bgctl keys import --help") from None
    if wanted is not None and wanted not in fitting:
        again = f"bgctl keys import --algorithm {usual} ..."
        raise Refused(f"{path} is not a key for {wanted}", f"it is one for {', '.join(fitting)}", again)
    return wanted or usual


def read(path: Path) -> bytes:
    """A key file's content, without the line ends after it."""
    return path.read_bytes().rstrip(b"\r\n")


@contextmanager
def writing(project: Project, what: str) -> Iterator[None]:
    """Under the lock and in the history; a broken disk is told in our words."""
    from toolkit.release import same_files

    with project.change(what):
        same_files.check(project)
        try:
            yield
        except OSError as error:
            raise disk.unwritten(project.keys_dir, error) from None


def say_next(project: Project) -> None:
    """On a swarm containers have the keys with which they were started: says what brings new ones."""
    if project.config.project.engine.several_hosts:
        project.ui.say(ON_NODES)
