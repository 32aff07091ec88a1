"""The keys/ directory: its format, read by the session API and written by bgctl. Imports no web framework."""

import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from session_api import algorithms, key_files
from session_api.algorithms import ALGORITHMS, PrivateKey, PublicKey
from session_api.errors import SetupError
from session_api.watched import Watched

log = logging.getLogger(__name__)
T = TypeVar("T")
KEEP = 7 * 86400  # seconds that a replaced key still verifies, where nothing else is said
SETTLE = 5  # seconds before a rotated-in key signs: a proxy must know it before its first token arrives
MIN_KEY_CHARS = 32
API_KEYS = ("service.key", "admin.key", "proxy.key")  # which of them the session API reads
Owner = tuple[int, int]  # uid, gid
# Who signs with a key: we; the app, whose tokens are believed, and nothing of ours; or both with one secret.
Signers = Literal["us", "app", "both"]

Kid = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
FileName = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,79}\Z")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class KeyringError(SetupError):
    """The keys are missing, unsafe or unreadable."""


class Entry(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One key as keyring.json lists it.

    `issuer` is whom the app's tokens have to name, None for anybody; ours name [tokens] issuer.
    `short_secret`: it is shorter than HS256 wants, and taken all the same.
    """

    kid: Kid
    alg: Literal["EdDSA", "ES256", "RS256", "HS256"]
    file: FileName
    created_at: Moment
    retire_at: Moment | None = None
    signed_by: Signers = "us"
    issuer: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    short_secret: bool = False


class Document(msgspec.Struct, frozen=True):
    """keyring.json."""

    schema: Literal[1]
    sign: Kid
    keys: list[Entry]


class KeyInfo(msgspec.Struct, frozen=True, rename="camel"):
    """One key as `bgctl keys list` shows it."""

    kid: str
    alg: str
    state: Literal["signing", "verifying", "imported", "retired"]
    created_at: datetime
    retire_at: datetime | None
    signed_by: Signers = "us"
    issuer: str | None = None
    short_secret: bool = False


@dataclass(frozen=True)
class Key:
    """A key in memory, bound to one algorithm; `private` is None if it never signs. Times: Unix seconds."""

    kid: str
    alg: str
    public: PublicKey
    private: PrivateKey | None
    created_at: float
    retire_at: float | None
    signed_by: Signers = "us"
    issuer: str | None = None

    def verifies(self, now: float) -> bool:
        """Whether a token that names this key may still be believed."""
        return self.retire_at is None or now < self.retire_at


@dataclass(frozen=True)
class Ring:
    """All that one reading of the directory gave."""

    keys: dict[str, Key]
    sign: str
    service_key: bytes
    admin_key: bytes
    proxy_key: bytes


class Keyring:
    """The keys, fresh: a change of keyring.json or of a shared key is seen at the next use."""

    def __init__(self, directory: Path) -> None:
        """Raises KeyringError if the keys are missing or unsafe; later, the last good stay in use."""
        places = (key_files.place, key_files.former_place)
        shared = [place(directory, name) for place in places for name in API_KEYS]
        watched = [_document_path(directory), *shared]
        self._ring = Watched(watched, lambda: load(directory))
        self._ring.get()

    def find(self, kid: str, now: float) -> Key | None:
        """The key that a token names, if it still verifies."""
        key = self._ring.get().keys.get(kid)
        return key if key and key.verifies(now) else None

    def signer(self, now: float) -> Key:
        """The key to sign with: the newest that all proxies have had the time to learn."""
        ring = self._ring.get()
        if now >= ring.keys[ring.sign].created_at + SETTLE:
            return ring.keys[ring.sign]
        able = [key for key in ring.keys.values() if key.private and key.verifies(now)]
        settled = [key for key in able if now >= key.created_at + SETTLE]
        if settled:
            return max(settled, key=lambda key: key.created_at)
        return min(able, key=lambda key: (key.created_at, key.kid))

    def verifying(self, now: float) -> list[Key]:
        """Every key with which a token may be signed."""
        return [key for key in self._ring.get().keys.values() if key.verifies(now)]

    def marks(self) -> set[str]:
        """What tells this project from others: a digest of each public key. Shared secrets have none."""
        publics = [key.public for key in self._ring.get().keys.values() if key.signed_by != "app"]
        return {algorithms.digest(public) for public in publics if not isinstance(public, bytes)}

    @property
    def service_key(self) -> bytes:
        """The key of the app's backend."""
        return self._ring.get().service_key

    @property
    def admin_key(self) -> bytes:
        """The key of bgctl."""
        return self._ring.get().admin_key

    @property
    def proxy_key(self) -> bytes:
        """The key with which proxies report activity."""
        return self._ring.get().proxy_key

    @property
    def error(self) -> SetupError | None:
        """Why the newest keys on disk are not the ones in use; None when they are."""
        self._ring.get()
        return self._ring.error


def load(directory: Path) -> Ring:
    """Read and check everything that the API needs. Raises KeyringError."""
    document = _read_document(directory)
    keys = {entry.kid: _load_key(directory, entry, document.sign) for entry in document.keys}
    shared = (_read_shared(key_files.find(directory, name)) for name in API_KEYS)
    return Ring(keys, document.sign, *shared)


def create(
    directory: Path,
    alg: str = "EdDSA",
    *,
    now: float | None = None,
    secret: bytes | None = None,
    owner: Owner | None = None,
) -> KeyInfo:
    """Make the directory: a first key, pin secret, and the shared keys. Never replaces a keyring.

    `secret` is an existing HS256 secret, with which the app signs, too; `owner` is whom the files shall
    belong to (needs root). What an interrupted call left is completed by the next. Raises KeyringError,
    OSError.
    """
    if _document_path(directory).exists():
        raise KeyringError(f"{_document_path(directory)} exists already", "bgctl keys rotate")
    for path in (directory, directory / "verify", directory / "signing"):
        _make_directory(path, owner)
    move(directory, owner=owner)
    complete(directory, owner=owner)
    moment = _moment(now)
    entry = _add_key(directory, _new_kid(moment, []), alg, moment, secret, owner)
    _write_document(directory, Document(1, entry.kid, [entry]), owner)
    return _info(entry, entry.kid, moment)


def missing(directory: Path) -> list[str]:
    """The shared keys that are not there: all before the first start, some after a new version of bgctl."""
    return [name for name in key_files.NAMES if not key_files.find(directory, name).exists()]


def complete(directory: Path, *, owner: Owner | None = None) -> list[str]:
    """Make the shared keys that are missing; returns their names. Raises OSError."""
    made = missing(directory)
    for name in made:
        _make_directory(key_files.place(directory, name).parent, owner)
        _write(key_files.place(directory, name), secrets.token_urlsafe(48).encode() + b"\n", owner)
    return made


def move(directory: Path, *, owner: Owner | None = None) -> list[str]:
    """Give each shared key a folder of its own; returns the names of those that had none. Raises OSError.

    A link stays where each was: containers from before have that place mounted, and may be restarted. One
    that was a link already is copied: in a container, it would lead nowhere.
    """
    unmoved = key_files.unmoved(directory)
    moved = unmoved + key_files.half_moved(directory)
    for name in moved:
        here, there = key_files.place(directory, name), key_files.former_place(directory, name)
        _make_directory(here.parent, owner)
        if there.is_symlink():
            _write(here, there.read_bytes(), owner)
        elif name in unmoved:
            os.link(there, here)
        link = there.with_name(f".{name}.new")
        link.unlink(missing_ok=True)
        link.symlink_to(here.relative_to(directory))
        link.replace(there)
    return moved


def rotate(
    directory: Path,
    alg: str | None = None,
    *,
    now: float | None = None,
    secret: bytes | None = None,
    owner: Owner | None = None,
    keep: int = KEEP,
) -> KeyInfo:
    """Add a key that signs from now on (same algorithm unless told).

    The old one verifies for `keep` seconds more: the life of the last token that it signed. Keys past their
    time are removed. Returns the new key. Raises KeyringError, OSError.
    """
    document, moment = _read_document(directory), _moment(now)
    signer = next(entry for entry in document.keys if entry.kid == document.sign)
    kid = _new_kid(moment, _taken(document))
    added = _add_key(directory, kid, alg or signer.alg, moment, secret, owner)
    retiring = msgspec.structs.replace(signer, retire_at=_moment(moment.timestamp() + keep))
    kept = [retiring if entry is signer else entry for entry in document.keys]
    _write_document(directory, Document(1, kid, [added, *kept]), owner)
    prune(directory, now=moment.timestamp(), owner=owner)
    return _info(added, kid, moment)


def trust(
    directory: Path,
    alg: str,
    content: bytes,
    *,
    kid: str | None = None,
    issuer: str | None = None,
    takes_short: bool = False,
    now: float | None = None,
    owner: Owner | None = None,
) -> KeyInfo:
    """Believe the app's own tokens: `content` is its HS256 secret, or its public key. It signs none of ours.

    A key that is in the ring already is believed by these terms from now on, and goes on signing if it does.
    Raises KeyringError, OSError.
    """
    document, moment = _read_document(directory), _moment(now)
    try:
        public = algorithms.public_key(alg, content, takes_short=takes_short)
    except ValueError as error:
        mend = "bgctl keys import --allow-short-secret" if alg == "HS256" else "bgctl keys import --help"
        raise KeyringError(f"the given key {error}", mend) from error
    known = next((each for each in document.keys if _public(directory, each) == public), None)
    if known is None:
        name = _new_kid(moment, _taken(document))
        entry = _entry(name if kid is None else kid, alg, name + algorithms.suffix(alg), moment)
        if entry.kid in _taken(document):
            raise KeyringError(f"{entry.kid} is another key", "bgctl keys list")
        _write(directory / "verify" / entry.file, content.rstrip(b"\r\n") + b"\n", owner)
    elif kid not in (None, known.kid):
        raise KeyringError(f"this key is in the ring as {known.kid}", "bgctl keys list")
    else:
        entry = known
    signed_by: Signers = "app" if known is None or known.signed_by == "app" else "both"
    is_short = isinstance(public, bytes) and len(public) < algorithms.MIN_SECRET_BYTES
    terms = {"signed_by": signed_by, "issuer": issuer, "short_secret": is_short, "retire_at": None}
    entry = msgspec.structs.replace(entry, **terms)
    others = [each for each in document.keys if each is not known]
    _write_document(directory, Document(1, document.sign, [*others, entry]), owner)
    return _info(entry, document.sign, moment)


def remove(directory: Path, kid: str, *, now: float | None = None, owner: Owner | None = None) -> None:
    """Believe an imported key no more, from now on. Raises KeyringError, OSError."""
    document = _read_document(directory)
    entry = next((each for each in document.keys if each.kid == kid), None)
    if entry is None:
        raise KeyringError(f"there is no key {kid}", "bgctl keys list")
    if entry.signed_by != "app":
        raise KeyringError(f"{kid} has signed tokens of ours, which would be refused", "bgctl keys rotate")
    kept = [each for each in document.keys if each is not entry]
    _write_document(directory, Document(1, document.sign, kept), owner)
    (directory / "verify" / entry.file).unlink(missing_ok=True)


def prune(directory: Path, *, now: float | None = None, owner: Owner | None = None) -> list[str]:
    """Remove keys past their time, and files that an interrupted rotation left. Returns the kids removed."""
    document, moment = _read_document(directory), _moment(now)
    gone = [entry for entry in document.keys if entry.retire_at and entry.retire_at <= moment]
    keys = [entry for entry in document.keys if entry not in gone]
    if gone:
        _write_document(directory, Document(1, document.sign, keys), owner)
    kept = {entry.file for entry in keys}
    for folder in (directory / "verify", directory / "signing"):
        for path in folder.iterdir():
            # An operator's own file may lie here before keyring.json names it: only our names are ours.
            named_here = re.fullmatch(r"k-\d{8}-\d+\.(pem|secret)", path.name)
            if path.name not in kept and (named_here or path.name in {entry.file for entry in gone}):
                path.unlink()
    return [entry.kid for entry in gone]


def describe(directory: Path, *, now: float | None = None) -> list[KeyInfo]:
    """Every key in keyring.json, newest first. Raises KeyringError."""
    document, moment = _read_document(directory), _moment(now)
    newest_first = sorted(document.keys, key=lambda entry: (entry.created_at, entry.kid), reverse=True)
    return [_info(entry, document.sign, moment) for entry in newest_first]


def _info(entry: Entry, sign: str, moment: datetime) -> KeyInfo:
    state: Literal["signing", "verifying", "imported", "retired"] = "verifying"
    if entry.retire_at and entry.retire_at <= moment:
        state = "retired"
    elif entry.kid == sign:
        state = "signing"
    elif entry.signed_by == "app":
        state = "imported"
    times = (entry.created_at, entry.retire_at)
    return KeyInfo(entry.kid, entry.alg, state, *times, entry.signed_by, entry.issuer, entry.short_secret)


def _document_path(directory: Path) -> Path:
    return directory / "verify" / "keyring.json"


def _moment(now: float | None) -> datetime:
    return datetime.fromtimestamp(int(time.time() if now is None else now), UTC)


def _new_kid(moment: datetime, taken: Iterable[str]) -> str:
    day = f"k-{moment:%Y%m%d}-"
    numbers = [int(kid[len(day) :]) for kid in taken if kid.startswith(day) and kid[len(day) :].isdecimal()]
    return f"{day}{max(numbers, default=0) + 1}"


def _taken(document: Document) -> list[str]:
    """The names that a new key, or its file, cannot have."""
    return [name for entry in document.keys for name in (entry.kid, entry.file.partition(".")[0])]


def _read_document(directory: Path) -> Document:
    path = _document_path(directory)
    try:
        document = msgspec.json.decode(path.read_bytes(), type=Document)
    except FileNotFoundError:
        raise KeyringError(f"{path} does not exist", "bgctl keys init") from None
    except OSError as error:
        raise KeyringError(f"{path} cannot be read: {error.strerror}", f"ls -l {path}") from error
    except msgspec.MsgspecError as error:
        raise KeyringError(f"{path} is not a keyring: {error}", f"mend {path}, or restore it") from error
    kids = [entry.kid for entry in document.keys]
    if len(set(kids)) != len(kids):
        raise KeyringError(f"{path} lists a kid twice", f"give each key in {path} its own kid")
    if document.sign not in kids:
        raise KeyringError(f"{path} signs with {document.sign!r}, which it does not list", "bgctl keys list")
    for entry in document.keys:
        if why := _unclear(entry, document.sign):
            raise KeyringError(f"{path}: {entry.kid}: {why}", f"mend {path}, or restore it")
    return document


def _unclear(entry: Entry, sign: str) -> str | None:
    """Why an entry makes no sense; None if it does."""
    if entry.signed_by == "app" and entry.kid == sign:
        return "the app alone signs with it (signedBy), and sign names it"
    if entry.issuer is not None and entry.signed_by == "us":
        return "issuer is for the app's tokens (signedBy)"
    if entry.short_secret and (entry.signed_by != "app" or entry.alg != "HS256"):
        return "shortSecret is for secrets that the app alone signs with (signedBy)"
    return None


def _public(directory: Path, entry: Entry) -> PublicKey:
    """The half of a key that verifies. Raises KeyringError."""
    parse = partial(algorithms.public_key, entry.alg, takes_short=entry.short_secret)
    return _checked(directory / "verify" / entry.file, parse, private=entry.alg == "HS256")


def _load_key(directory: Path, entry: Entry, sign: str) -> Key:
    public_path, private_path = directory / "verify" / entry.file, directory / "signing" / entry.file
    public_half = _public(directory, entry)
    private_half = None
    if entry.kid == sign or private_path.exists():
        private_half = _checked(private_path, lambda text: algorithms.private_key(entry.alg, text))
        if not algorithms.match(private_half, public_half):
            what = f"{private_path} and {public_path} are not halves of one key"
            raise KeyringError(what, "restore both from one backup")
    retire_at = entry.retire_at.timestamp() if entry.retire_at else None
    halves, created_at = (public_half, private_half), entry.created_at.timestamp()
    return Key(entry.kid, entry.alg, *halves, created_at, retire_at, entry.signed_by, entry.issuer)


def _checked(path: Path, parse: Callable[[bytes], T], *, private: bool = True) -> T:
    """Read a key file and parse it; a private one that everyone may read is refused."""
    try:
        if private and path.stat().st_mode & 0o007:
            raise KeyringError(f"{path} is open to everyone on this machine", f"chmod o= {path}")
        return parse(path.read_bytes())
    except OSError as error:
        raise KeyringError(f"{path} cannot be read: {error.strerror}", f"ls -l {path}") from error
    except ValueError as error:
        raise KeyringError(f"{path} {error}", f"put a good key into {path}") from error


def _read_shared(path: Path) -> bytes:
    def parse(content: bytes) -> bytes:
        key = content.rstrip(b"\r\n")
        if len(key) < MIN_KEY_CHARS or not re.fullmatch(rb"[!-~]+", key):
            raise ValueError(f"must be one line of at least {MIN_KEY_CHARS} characters, no blanks")
        return key

    return _checked(path, parse)


def _make_directory(path: Path, owner: Owner | None) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o750)
    if owner:
        os.chown(path, *owner)


def _add_key(
    directory: Path, kid: str, alg: str, moment: datetime, secret: bytes | None, owner: Owner | None
) -> Entry:
    """Write a key's files; it counts only once keyring.json names it."""
    if alg not in ALGORITHMS:
        raise KeyringError(f"{alg} is not an algorithm for keys", f"choose one of {', '.join(ALGORITHMS)}")
    if secret is not None and alg != "HS256":
        raise KeyringError(f"a secret cannot become a key for {alg}", "use HS256, or leave the secret out")
    if alg == "HS256":
        private = public = (secrets.token_urlsafe(48).encode() if secret is None else secret) + b"\n"
    else:
        private, public = algorithms.generate(alg)
    try:
        algorithms.public_key(alg, public)
    except ValueError as error:
        raise KeyringError(
            f"the given secret {error}", "bgctl keys import --help, or: openssl rand -base64 48"
        ) from error
    name = kid + algorithms.suffix(alg)
    _write(directory / "signing" / name, private, owner)
    _write(directory / "verify" / name, public, owner)
    entry = _entry(kid, alg, name, moment)
    return entry if secret is None else msgspec.structs.replace(entry, signed_by="both")


def _entry(kid: str, alg: str, file: str, moment: datetime) -> Entry:
    try:
        return msgspec.convert({"kid": kid, "alg": alg, "file": file, "createdAt": moment}, Entry)
    except msgspec.ValidationError as error:
        raise KeyringError(f"{kid!r} is no name of a key: {error}", "letters, digits, . _ and -") from error


def _write_document(directory: Path, document: Document, owner: Owner | None) -> None:
    text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    _write(_document_path(directory), text + b"\n", owner)


def _write(path: Path, content: bytes, owner: Owner | None) -> None:
    """Replace a file as a whole, durably: whoever reads sees the old content or the new."""
    temporary = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o640)
        if owner:
            os.fchown(file.fileno(), *owner)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:  # it is in force all the same, and what belongs to it must follow
        log.warning("%s is written, but its folder could not be synced: %s", path, error)
