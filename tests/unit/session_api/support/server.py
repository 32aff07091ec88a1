"""The real server, and a client that speaks to it over HTTP."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests

from tests.unit.session_api.support.data import ROOT

T = TypeVar("T")


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

    def terminate(self) -> None:
        """Ask it to end, as compose does."""
        if self.process.poll() is None:
            self.process.terminate()

    def stop(self) -> None:
        """End it as compose does, and wait."""
        self.terminate()
        self._ended()

    def _ended(self) -> None:
        self.process.wait(timeout=60)
        self._reader.join(timeout=60)


class Folder:
    """A folder with keys/, state.json and a database, and the servers that run over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self.state = folder / "state.json"
        self.database = folder / "sessions.db"
        self._started: list[Server] = []

    def serve(self, **changes: str) -> Server:
        """Start a server, with these changes to its environment."""
        # A directory each: what a killed server counted is not the next one's.
        metrics = self.folder / f"metrics-{len(self._started)}"
        metrics.mkdir()
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "BGCTL_ISSUER": "bgctl",
            "BGCTL_KEYS": str(self.keys),
            "BGCTL_STATE": str(self.state),
            "BGCTL_STORE": f"sqlite:///{self.database}",
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        }
        self._started.append(Server(environment | changes))
        return self._started[-1]

    def stop(self) -> None:
        """End them all: each takes its time, and they take it together."""
        for server in self._started:
            server.terminate()
        for server in self._started:
            server.stop()


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
