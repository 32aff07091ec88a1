"""A project directory and real HTTP servers for it: everything of a stack but the containers."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.web_server import Reply, Web

ROOT = Path(__file__).parents[4]
BGCTL = Path(sys.executable).parent / "bgctl"

# Slots as a release has them: the old version, and the new one.
READY = {"version": "1.6.7", "state": "ready", "weight": 100}
DRAIN = {"version": "1.6.7", "state": "drain", "weight": 0}
OUT = {"version": "1.6.7", "state": "maint", "weight": 0}
NONE = {"version": None, "state": "maint", "weight": 0}
CANDIDATE = {"version": "1.6.8", "state": "maint", "weight": 0}
GREEN = {"version": "1.6.8", "state": "ready", "weight": 100}


class World:
    """A project whose proxy, session API and slots are plain HTTP servers; `bgctl` is the real command."""

    def __init__(self, root: Path, web: Callable[[], Web]) -> None:
        self.root = root
        self.control, self.api, self.blue, self.green = web(), web(), web(), web()
        self.open = {"blue": (0, 0), "green": (0, 0)}
        self.sessions: dict[str, int] | None = {}  # None: the store is down
        self.visitors: dict[str, int] = {}
        self.unknown: str | None = None  # why the session API does not know
        self.unknown_visitors: str | None = None  # why it does not know of visitors alone
        self.forecast: dict[str, str | None] | None = None
        self.recent: dict[str, int] | None = None  # the sessions when only active ones are asked for
        self._files()
        self.control.answers["/status"] = self._status
        self.api.answers["/api/deployment/active-sessions"] = self._report
        self.serve(self.blue, "1.6.7")
        self.serve(self.green, "1.6.8")
        self.stuck_at: int | None = None

    def serve(self, slot: Web, version: str) -> None:
        slot.answers["/healthz"] = (200, {"status": "ok", "version": version})

    def put(self, phase: str, blue: dict[str, Any], green: dict[str, Any], step: str = "candidate") -> None:
        release = {
            "id": "20260115-103000",
            "from": "1.6.7",
            "to": "1.6.8",
            "startedAt": "2026-01-15T10:30:00Z",
        }
        document = {
            "schema": 2,
            "generation": 7,
            "updatedAt": "2026-01-15T10:30:00Z",
            "phase": phase,
            "deployment": None if phase == "rest" else {**release, "step": step},
            "slots": {"blue": blue, "green": green},
        }
        (self.root / "state").mkdir(exist_ok=True)
        (self.root / "state" / "state.json").write_text(json.dumps(document))

    @property
    def state(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.root / "state" / "state.json").read_text())
        return document

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / "state" / "history.jsonl").read_text().splitlines()]

    def bgctl(
        self, *argv: str, stdin: str = "", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [str(BGCTL), "--project", str(self.root), *argv]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, env=env, timeout=60)

    def _files(self) -> None:
        text = (ROOT / "bgctl.example.toml").read_text()
        moved = {
            "127.0.0.1:9180": self.control.address,
            "127.0.0.1:8090": self.api.address,
            "127.0.0.1:8081": self.blue.address,
            "127.0.0.1:8083": self.green.address,
            'interval = "500ms"': 'interval = "1ms"',
        }
        for old, new in moved.items():
            text = text.replace(old, new)
        (self.root / "bgctl.toml").write_text(text)
        shutil.copy(ROOT / "compose" / "example.env", self.root / ".env")
        shutil.copy(ROOT / "compose" / "compose.yaml", self.root)
        (self.root / ".dockerignore").write_text("keys\nstate\ndata\nproxy\n")
        (self.root / "keys").mkdir()
        (self.root / "keys" / "admin.key").write_text("a" * 40 + "\r\n")

    def _status(self) -> Reply:
        generation = self.stuck_at or self.state["generation"]
        workers = [
            {"pid": pid, "generation": generation, "exiting": False, "stateAge": 0.01} for pid in (11, 12)
        ]
        counts = {name: {"open": pair[0], "websockets": pair[1]} for name, pair in self.open.items()}
        slots = {name: {**self.state["slots"][name], **counts[name]} for name in counts}
        phase = self.state["phase"]
        return 200, {
            "schema": 2,
            "generation": generation,
            "workers": workers,
            "workersExpected": 2,
            "phase": phase,
            "slots": slots,
            "stateError": None,
        }

    @property
    def asked(self) -> str:
        """The last question for sessions. /metrics is asked at any time, in a thread of its own."""
        return [path for path, _, _ in self.api.requests if "/active-sessions" in path][-1]

    def _report(self) -> Reply:
        if self.sessions is None:
            return 503, {"title": "the store does not answer"}
        asked = self.asked
        counted = self.sessions if self.recent is None or "idle=" not in asked else self.recent
        known = self.unknown is None
        return 200, {
            "totalActiveUsers": sum(counted.values()) if known else None,
            "oldVersionSessions": counted.get("1.6.7", 0) if known else None,
            "currentVersion": "1.6.8",
            "users": [],
            "nextPage": None,
            "unknown": self.unknown,
            "unknownVisitors": self.unknown or self.unknown_visitors,
            "versions": {version: self._count(counted, version) for version in {*counted, *self.visitors}},
            "forecast": self.forecast,
        }

    def _count(self, counted: dict[str, int], version: str) -> dict[str, Any]:
        sessions = counted.get(version, 0)
        visitors = None if self.unknown_visitors else self.visitors.get(version, 0)
        counts = {"sessions": sessions, "users": sessions, "anonymous": visitors, "websockets": 0}
        return {key: None if self.unknown else value for key, value in counts.items()} | {
            "lastActivity": None
        }
