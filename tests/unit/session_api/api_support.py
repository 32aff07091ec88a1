"""What the session API's tests use: a clock turned by hand, forged tokens, a client, the real server."""

import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import jwt
import requests
from falcon import testing
from redis import Redis

from session_api.keys import keyring
from session_api.stores.records import Session
from session_api.stores.redis.address import RedisAddress
from session_api.stores.sqlite.store import SqliteStore

T = TypeVar("T")
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


def session(sid: str = "s1", user: str = "u1", version: str = "1.6.7", **changes: Any) -> Session:
    return replace(Session(sid, user, f"{user}@x.y", version, NOW, NOW, NOW + 1000), **changes)


def leave(store: Any) -> None:
    """Close what a thread alone has open: SQLite's connections; Redis' are shared."""
    if isinstance(store, SqliteStore):
        store.close()


def write_state(path: Path, blue: tuple[Any, str, int], green: tuple[Any, str, int], **changes: Any) -> None:
    """Replace the state file as bgctl does, by a rename."""
    slots = {
        name: dict(zip(("version", "state", "weight"), slot, strict=True))
        for name, slot in (("blue", blue), ("green", green))
    }
    document = {
        "schema": 2,
        "generation": 17,
        "phase": "draining",
        "deployment": None,
        "slots": slots,
    } | changes
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(document))
    temporary.replace(path)


class Forge:
    """Makes tokens that no honest issuer would, rightly signed all the same."""

    def __init__(self, directory: Path) -> None:
        self.keys = {key.alg: key for key in keyring.load(directory).keys.values()}

    def token(self, header: Any, claims: Any, alg: str = "EdDSA") -> str:
        """Sign `header` and `claims` (a dict, or bytes as they are) with the key of `alg`."""
        key = self.keys[alg]
        if isinstance(header, dict):
            header = {"alg": alg, "kid": key.kid, "typ": "JWT"} | header
        return self.sign(f"{b64(header)}.{b64(claims)}", alg)

    def sign(self, body: str, alg: str = "EdDSA") -> str:
        """Sign two segments, whatever they are."""
        signature = jwt.get_algorithm_by_name(alg).sign(body.encode(), self.keys[alg].private)
        return f"{body}.{b64(signature)}"


def b64(content: Any) -> str:
    """Base64url of bytes, or of the JSON of anything else."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


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


class RedisServer:
    """A real one, on a Unix socket below /tmp: the path of a socket may not be long."""

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.socket = self.folder / "s"
        self.options = ("--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), *options)
        self.start()

    @property
    def address(self) -> RedisAddress:
        return RedisAddress(f"unix://{self.socket}")

    def start(self) -> None:
        """Return when it listens, or fail with its last words."""
        self.launch()
        said = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said.append(line)
            if "ready to accept connections" in line.lower():
                return
        raise RuntimeError("redis-server did not start:\n" + "".join(said))

    def launch(self) -> None:
        """Start it without waiting."""
        command = ["redis-server", "--save", "", *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def client(self) -> Redis:
        return Redis(unix_socket_path=str(self.socket), decode_responses=True)

    def kill(self) -> None:
        """kill -9, and wait."""
        self.process.kill()
        self._ended()

    def stop(self) -> None:
        """End it, whatever it does, and leave nothing behind."""
        self.kill()
        shutil.rmtree(self.folder)

    def _ended(self) -> None:
        self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Api:
    """The application, and what the tests do with it again and again."""

    def __init__(self, app: Any, keys: Path, clock: HandClock) -> None:
        self.clock = clock
        self.epoch: str | None = None
        self.proxy_key = (keys / "proxy" / "proxy.key").read_text().strip()
        self.client = testing.TestClient(app)
        self.service_key = (keys / "service" / "service.key").read_text().strip()
        self.admin_key = (keys / "admin" / "admin.key").read_text().strip()

    def log_in(self, user: str = "u1", version: str | None = None, **more: Any) -> testing.Result:
        headers = {"Authorization": f"Bearer {self.service_key}"}
        if version is not None:
            headers["X-Deployment-Version"] = version
        return self.client.simulate_post("/token", json={"userId": user, **more}, headers=headers)

    def token(self, *args: Any, **more: Any) -> str:
        result = self.log_in(*args, **more)
        assert result.status_code == 201, result.text
        return result.json["token"]

    def post(self, path: str, token: str, **headers: str) -> testing.Result:
        return self.client.simulate_post(path, headers={"Authorization": f"Bearer {token}", **headers})

    def get(self, path: str, token: str | None = None) -> testing.Result:
        headers = {"Authorization": f"Bearer {token}"} if token else None
        return self.client.simulate_get(path, headers=headers)

    def report(self, *sessions: list[Any], **changes: Any) -> testing.Result:
        """What a proxy says that remembers ten days; it goes on with the epoch that it is told."""
        now = self.clock()
        body = {
            "proxy": "web1:8080",
            "now": now,
            "since": now - 864000,
            "epoch": self.epoch,
            "complete": True,
            "sessions": sessions,
            "gone": [],
        } | changes
        headers = {"Authorization": f"Bearer {self.proxy_key}"}
        answer = self.client.simulate_post("/_bgctl/activity", json=body, headers=headers)
        if answer.status_code == 200:
            self.epoch = answer.json["epoch"]
        return answer

    def ask(self, **query: Any) -> testing.Result:
        headers = {"Authorization": f"Bearer {self.admin_key}"}
        return self.client.simulate_get("/api/deployment/active-sessions", params=query, headers=headers)

    def census(self, **query: Any) -> testing.Result:
        """Who is active where, when the proxy has told all: once to learn the epoch, and once by it."""
        self.report()
        self.report()
        return self.ask(**query)


class Server:
    """The real thing: gunicorn with the configuration of the image, on a port of its own choosing."""

    def __init__(self, environment: dict[str, str]) -> None:
        config = ROOT / "compose" / "session-api" / "gunicorn.conf.py"
        # Two workers where the image has one: whatever is said here of one process must hold of several.
        command = [sys.executable, "-m", "gunicorn", "-c", str(config), "-b", "127.0.0.1:0", "-w", "2"]
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
        """kill -9 the master and its workers at once, as when a container is killed."""
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


class Caller:
    """A backend and a browser in one, over real HTTP. A `session` per thread."""

    def __init__(self, url: str, keys: Path) -> None:
        self.url = url
        self.proxy_key = (keys / "proxy" / "proxy.key").read_text().strip()
        self.session = requests.Session()
        self.session.trust_env = False
        self.service_key = (keys / "service" / "service.key").read_text().strip()
        self.admin_key = (keys / "admin" / "admin.key").read_text().strip()

    def call(self, method: str, path: str, token: str | None = None, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.session.request(method, self.url + path, headers=headers, timeout=30, **more)

    def report(self, **changes: Any) -> dict[str, Any]:
        """What a proxy says that has been there for ten days."""
        now = time.time()
        body = {"proxy": "web1:8080", "now": now, "since": now - 864000, "epoch": None, "complete": True}
        body |= {"sessions": []} | changes
        return self.call("POST", "/_bgctl/activity", self.proxy_key, json=body).json()

    def census(self) -> dict[str, Any]:
        """Who is active where, when a proxy has told all."""
        self.report(epoch=self.report()["epoch"])
        return self.call("GET", "/api/deployment/active-sessions", self.admin_key).json()

    def log_in(self, user: str, **more: str) -> requests.Response:
        return self.call("POST", "/token", self.service_key, json={"userId": user, **more})

    def close(self) -> None:
        self.session.close()


def eventually(look: Callable[[], T], good: Callable[[T], bool], limit: float = 60) -> T:
    """What is seen once it is good; polls, and fails at the limit."""
    patience = time.monotonic() + limit
    while not good(seen := look()):
        assert time.monotonic() < patience, f"still {seen!r}"
        time.sleep(0.02)
    return seen


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
