"""The session API: the real application over SQLite, on a clock that is turned by hand."""

from pathlib import Path

import jwt
from falcon import testing

from session_api.app import create_app
from session_api.keys import key_files, keyring
from session_api.sessions import sessions
from session_api.settings import Settings
from session_api.state.state import State
from session_api.stores.sqlite.store import SqliteStore
from session_api.tokens.claims import Rules
from session_api.tokens.tokens import Tokens
from tests.model.draws import Draws

LIFE = 7 * 86400  # seconds, of a token
LEEWAY = 60
IDLE = 1800
PROVIDER = b"an identity provider's very own secret"
TABLES = ("sessions", "visitors", "holders", "people", "tally", "departures")


class Api:
    def __init__(self, folder: Path, keys: Path, state: Path) -> None:
        self.now = 0
        self._keys, self._state = keys, state
        self._file = folder / "sessions.db"
        self._service = key_files.find(keys, "service.key").read_text().strip()
        self._signer = Tokens(keyring.Keyring(keys), lambda: self.now, Rules("bgctl", LEEWAY, LIFE))
        self._store = SqliteStore(self._file, IDLE, lambda: self.now)
        self._draws = Draws()
        sessions.secrets = self._draws  # type: ignore[assignment, attr-defined]  # the same sequence gets the same session ids
        self.start()

    def start(self) -> None:
        """A new process over the same store."""
        app_settings = Settings(issuer="bgctl", token_ttl=LIFE, idle_timeout=IDLE, leeway=LEEWAY)
        app = create_app(
            self._store, keyring.Keyring(self._keys), State(self._state), lambda: self.now, app_settings
        )
        self._client = testing.TestClient(app)

    def rewind(self, now: int) -> None:
        """Nobody has ever logged in: for another sequence."""
        self.now = now
        self._draws.rewind()
        with self._store.write() as database:
            for table in TABLES:
                database.execute(f"DELETE FROM {table}")

    def log_in(self, headers: dict[str, str]) -> testing.Result:
        headers = {"Authorization": f"Bearer {self._service}", **headers}
        return self._client.simulate_post("/token", json={"userId": "ada"}, headers=headers)

    def ask(self, method: str, path: str, token: str, headers: dict[str, str]) -> testing.Result:
        headers = {"Authorization": f"Bearer {token}", **headers}
        return self._client.simulate_request(method, path, headers=headers)

    def foreign(self, version: str, dated: bool) -> str:
        """A token that another backend signs with a key of the ring: `iat` is its to leave out."""
        return self.sign(version, **({"iat": self.now} if dated else {}))

    def sign(self, version: str, **claims: int) -> str:
        sid = self._draws.token_urlsafe(16)
        given = {"userId": "ada", "sid": sid, "deploymentVersion": version, "exp": self.now + LIFE}
        return self._signer.sign(given | claims)

    def provided(self, user: str) -> str:
        """The next access token of that user, which says no version; only of ada it says which session."""
        claims = {"iss": "https://idp/", "sub": user, "iat": self.now, "exp": self.now + 300}
        session = {"sid": "s"} if user == "ada" else {}
        return jwt.encode(claims | session, PROVIDER, "HS256", {"kid": "idp"})

    def close(self) -> None:
        self._store.close()
