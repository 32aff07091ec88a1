"""The keys in memory: those that sign and verify tokens, and the shared keys that callers show."""

from dataclasses import dataclass
from pathlib import Path

from session_api.errors import SetupError
from session_api.files.watched import Watched
from session_api.keys import algorithms, document, issuer_keys, key_files, marks
from session_api.keys.algorithms import PrivateKey, PublicKey
from session_api.keys.document import Entry, KeyringError, Signers
from session_api.keys.issuer_keys import Source
from session_api.keys.key_reading import checked, public_half, shared_key

SETTLE = 5  # seconds before a rotated-in key signs: a proxy must know it before its first token arrives
API_KEYS = ("service.key", "admin.key", "proxy.key")  # the shared keys that the session API reads


@dataclass(frozen=True)
class Key:
    """A key in memory, bound to one algorithm. `private` is None if it never signs. Times: Unix seconds.

    `fetched`: it is an identity provider's ([jwks]); its `kid` is "" if that gives it none.
    """

    kid: str
    alg: str
    public: PublicKey
    private: PrivateKey | None
    created_at: float
    retire_at: float | None
    signed_by: Signers = "us"
    issuer: str | None = None
    audience: str | None = None
    fetched: bool = False

    def verifies(self, now: float) -> bool:
        """Whether a token that names this key may still be believed."""
        return self.retire_at is None or now < self.retire_at


@dataclass(frozen=True)
class Ring:
    """All that one reading of the keys/ folder gave: keys by `kid`, and `every` key, also without one."""

    keys: dict[str, Key]
    every: list[Key]
    sign: str
    service_key: bytes
    admin_key: bytes
    proxy_key: bytes


class Keyring:
    """The keys, always fresh: a change of keyring.json or of a shared key is seen at the next use."""

    def __init__(self, directory: Path) -> None:
        """Raises KeyringError if the keys are missing or unsafe; later, the last good ones stay in use."""
        places = (key_files.place, key_files.former_place)
        shared = [place(directory, name) for place in places for name in API_KEYS]
        rings = [document.place(directory), issuer_keys.place(directory)]
        self._ring = Watched([*rings, *shared], lambda: load(directory))
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
        return [key for key in self._ring.get().every if key.verifies(now)]

    def marks(self) -> set[str]:
        """A digest of each public key of ours, which tell this project from others. Secrets have none."""
        return marks.of_keys(key.public for key in self._ring.get().keys.values() if key.signed_by != "app")

    @property
    def service_key(self) -> bytes:
        """The key of the app's backend."""
        return self._ring.get().service_key

    @property
    def admin_key(self) -> bytes:
        """The key of bgctl, and of operators at the dashboard."""
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
    """Read and check everything that the session API needs of keys/. Raises KeyringError."""
    found = document.read(directory)
    keys = {entry.kid: _load_key(directory, entry, found.sign) for entry in found.keys}
    every = list(keys.values())
    for key in (key for source in issuer_keys.read(directory) for key in _fetched(directory, source)):
        # Of two keys with one name ours counts, else the first.
        if not key.kid or keys.setdefault(key.kid, key) is key:
            every.append(key)
    shared = (shared_key(key_files.find(directory, name)) for name in API_KEYS)
    return Ring(keys, every, found.sign, *shared)


def _fetched(directory: Path, source: Source) -> list[Key]:
    return [
        Key(
            kid=key.kid or "",
            alg=key.alg,
            public=issuer_keys.public(directory, key),
            private=None,
            created_at=key.seen_at.timestamp(),
            retire_at=key.retire_at.timestamp() if key.retire_at else None,
            signed_by="app",
            issuer=source.issuer,
            audience=source.audience,
            fetched=True,
        )
        for key in source.keys
    ]


def _load_key(directory: Path, entry: Entry, sign: str) -> Key:
    public_path, private_path = directory / "verify" / entry.file, directory / "signing" / entry.file
    public = public_half(directory, entry)
    private = None
    if entry.kid == sign or private_path.exists():
        private = checked(private_path, lambda text: algorithms.private_key(entry.alg, text))
        if not algorithms.match(private, public):
            what = f"{private_path} and {public_path} are not halves of one key"
            raise KeyringError(what, "restore both from one backup")
    return Key(
        kid=entry.kid,
        alg=entry.alg,
        public=public,
        private=private,
        created_at=entry.created_at.timestamp(),
        retire_at=entry.retire_at.timestamp() if entry.retire_at else None,
        signed_by=entry.signed_by,
        issuer=entry.issuer,
        audience=entry.audience,
    )
