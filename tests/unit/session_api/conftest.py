"""What the session API's tests share: real keys, a real state file, a clock that is turned by hand."""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from falcon import testing

from session_api import keyring
from session_api.app import create_app
from session_api.settings import Settings
from session_api.stores import Store
from session_api.stores.sqlite import SqliteStore
from session_api.tokens import Tokens
from session_api.version import State

ROOT = Path(__file__).parents[3]
NOW = 1_800_000_000
ALGORITHMS = ("EdDSA", "ES256", "RS256", "HS256")
COOKIE = "__Host-bg_session"


@dataclass
class HandClock:
    """Stands still until it is turned."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def _all_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys") / "keys"
    keyring.create(directory, ALGORITHMS[0], now=NOW - 3000)
    for alg in ALGORITHMS[1:]:
        keyring.rotate(directory, alg, now=NOW - 2000)
    return directory


@pytest.fixture
def keys(_all_keys: Path, tmp_path: Path) -> Path:
    """A keys/ directory of the test's own, with a verifying key of each algorithm."""
    return Path(shutil.copytree(_all_keys, tmp_path / "keys"))


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    """A release under way: 1.6.7 is draining, new sessions get 1.6.8."""
    path = tmp_path / "state.json"
    write_state(path, ("1.6.7", "drain", 0), ("1.6.8", "ready", 100))
    return path


def write_state(path: Path, blue: tuple[Any, str, int], green: tuple[Any, str, int]) -> None:
    """Replace the state file as bgctl does, by a rename."""
    slots = {
        name: dict(zip(("version", "state", "weight"), slot, strict=True))
        for name, slot in (("blue", blue), ("green", green))
    }
    document = {"schema": 1, "generation": 17, "phase": "draining", "deployment": None, "slots": slots}
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(document))
    temporary.replace(path)


@pytest.fixture(params=["sqlite"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> Any:
    """A function that opens the same store again, as another host or process would."""
    opened = []

    def open_store(idle_timeout: int = 0, clock: HandClock = clock) -> Store:
        store = SqliteStore(tmp_path / "sessions.db", idle_timeout, clock, busy_timeout=30)
        opened.append(store)
        return store

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def store(new_store: Any) -> Store:
    return new_store()


class Forge:
    """Makes tokens that no honest issuer would, rightly signed all the same."""

    def __init__(self, directory: Path) -> None:
        self.keys = {key.alg: key for key in keyring.load(directory).keys.values()}

    def token(self, header: Any, claims: Any, alg: str = "EdDSA") -> str:
        """Sign `header` and `claims` (a dict, or bytes as they are) with the key of `alg`."""
        key = self.keys[alg]
        if isinstance(header, dict):
            header = {"alg": alg, "kid": key.kid, "typ": "JWT"} | header
        body = f"{b64(header)}.{b64(claims)}"
        return f"{body}.{b64(jwt.get_algorithm_by_name(alg).sign(body.encode(), key.private))}"


def b64(content: Any) -> str:
    """Base64url of bytes, or of the JSON of anything else."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture
def forge(keys: Path) -> Forge:
    return Forge(keys)


@pytest.fixture
def tokens(keys: Path, clock: HandClock) -> Tokens:
    return Tokens(keyring.Keyring(keys), clock, issuer="bgctl", leeway=60)


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims, with changes."""
    return {
        "userId": "u1",
        "sub": "u1",
        "deploymentVersion": "1.6.7",
        "sid": "abcdefghijklmnopqrstuv",
        "iat": NOW,
        "exp": NOW + 604800,
        "iss": "bgctl",
    } | changes


class Api:
    """The application, and what the tests do with it again and again."""

    def __init__(self, app: Any, keys: Path) -> None:
        self.client = testing.TestClient(app)
        self.service_key = (keys / "service.key").read_text().strip()
        self.admin_key = (keys / "admin.key").read_text().strip()

    def log_in(self, user: str = "u1", version: str | None = None, **more: Any) -> testing.Result:
        headers = {"Authorization": f"Bearer {self.service_key}"}
        if version is not None:
            headers["X-Deployment-Version"] = version
        return self.client.simulate_post("/api/auth/token", json={"userId": user, **more}, headers=headers)

    def token(self, *args: Any, **more: Any) -> str:
        result = self.log_in(*args, **more)
        assert result.status_code == 201, result.text
        return result.json["token"]

    def post(self, path: str, token: str) -> testing.Result:
        return self.client.simulate_post(path, headers={"Authorization": f"Bearer {token}"})

    def get(self, path: str, token: str | None = None) -> testing.Result:
        headers = {"Authorization": f"Bearer {token}"} if token else None
        return self.client.simulate_get(path, headers=headers)

    def census(self) -> testing.Result:
        return self.get("/api/deployment/active-sessions", self.admin_key)


@pytest.fixture
def make_api(keys: Path, state_file: Path, store: Store, clock: HandClock) -> Any:
    def make(store: Store = store, clock: HandClock = clock, **changes: Any) -> Api:
        app_settings = Settings(issuer="bgctl", **changes)
        return Api(create_app(store, keyring.Keyring(keys), State(state_file), clock, app_settings), keys)

    return make


@pytest.fixture
def api(make_api: Any) -> Api:
    return make_api()


class Server:
    """The real thing: gunicorn with the configuration of the image, on a port of its own choosing."""

    def __init__(self, environment: dict[str, str]) -> None:
        config = ROOT / "compose" / "session-api" / "gunicorn.conf.py"
        command = [sys.executable, "-m", "gunicorn", "-c", str(config), "-b", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*command, "session_api.app:get_app()"],
            env=environment,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._ports: queue.Queue[int | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        port = self._ports.get(timeout=60)
        if port is None:
            raise RuntimeError("gunicorn did not start:\n" + "".join(self.lines))
        self.url = f"http://127.0.0.1:{port}"

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            for line in stderr:
                self.lines.append(line)
                if found := re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line):
                    self._ports.put(int(found[1]))
        self._ports.put(None)

    def workers(self) -> list[int]:
        """The process ids of the workers that live now."""
        pid = self.process.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill(self) -> None:
        """kill -9 the master; its workers are killed with it, as when a container is."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self._ended()

    def stop(self) -> None:
        """End it as compose does, and wait."""
        if self.process.poll() is None:
            self.process.terminate()
            self._ended()

    def _ended(self) -> None:
        self.process.wait(timeout=60)
        self._reader.join(timeout=60)


@pytest.fixture
def serve(keys: Path, state_file: Path, tmp_path: Path) -> Iterator[Any]:
    """A function that starts a server over the same keys, state and database."""
    started: list[Server] = []
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "BGCTL_ISSUER": "bgctl",
        "BGCTL_KEYS": str(keys),
        "BGCTL_STATE": str(state_file),
        "BGCTL_STORE": f"sqlite:///{tmp_path / 'sessions.db'}",
    }

    def start(**changes: str) -> Server:
        started.append(Server(environment | changes))
        return started[-1]

    yield start
    for server in started:
        server.stop()


class Caller:
    """A backend and a browser in one, over real HTTP. A `session` per thread."""

    def __init__(self, url: str, keys: Path) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.service_key = (keys / "service.key").read_text().strip()
        self.admin_key = (keys / "admin.key").read_text().strip()

    def call(self, method: str, path: str, token: str | None = None, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.session.request(method, self.url + path, headers=headers, timeout=30, **more)

    def log_in(self, user: str, **more: str) -> requests.Response:
        return self.call("POST", "/api/auth/token", self.service_key, json={"userId": user, **more})

    def close(self) -> None:
        self.session.close()
