"""A project in the middle of a release: an engine, people on both versions, and a proxy that counts."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.toolkit.support.worlds import World
from tests.web_server import Reply, Web

OLD, NEW = "1.6.7", "1.6.8"
ENGINE = """#!/bin/sh
[ "$1" = ps ] && echo blue green && exit
[ "$1" = inspect ] && cat "{containers}" && exit
exit 1
"""


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class ReleaseWorld(World):
    """`counts` are a version's (sessions, users, visitors, WebSockets); None: unknown, as `unknown` says."""

    def __init__(self, root: Path, web: Callable[[], Web], now: datetime | None = None) -> None:
        super().__init__(root, web)
        self.now = now or datetime.now(UTC)
        self.counts: dict[str, tuple[int | None, ...]] = {OLD: (34, 30, 12, 4), NEW: (67, 60, 30, 11)}
        self.unknown: str | None = None
        self.served = {"blue": (41_000, 0), "green": (12_345, 25)}
        self.open = {"blue": (7, 4), "green": (21, 11)}
        self.activity: dict[str, Any] | None = {"queued": 0, "delivered": 5_000, "dropped": 0}
        self.people = [(f"user{n}", f"user{n}@example.org", n * 97) for n in range(30)]
        self.page = 1000
        started = stamp(self.now - timedelta(hours=3, minutes=50))
        self.put("draining", {"version": OLD, "state": "drain", "weight": 0}, self._new_slot(), "drain")
        self.amend(updatedAt=started, deployment={**self.state["deployment"], "startedAt": started})
        self._history()
        self.env = {**os.environ, "PATH": f"{self._engine()}:{os.environ['PATH']}", "TZ": "UTC"}

    def amend(self, **changed: object) -> None:
        (self.root / "state" / "state.json").write_text(json.dumps({**self.state, **changed}))

    def engine_says(self, script: str) -> None:
        path = self.root / "bin" / "docker"
        path.write_text(script)
        path.chmod(0o755)

    @staticmethod
    def _new_slot() -> dict[str, Any]:
        return {"version": NEW, "state": "ready", "weight": 100}

    def _engine(self) -> Path:
        label = "com.docker.compose.service"
        found = [
            {
                "Id": slot,
                "State": {"Status": "running", "Running": True, "ExitCode": 0},
                "Config": {"Image": "x", "Labels": {label: f"frontend-{slot}"}, "Env": []},
            }
            for slot in ("blue", "green")
        ]
        (self.root / "bin").mkdir()
        (self.root / "containers.json").write_text(json.dumps(found))
        self.engine_says(ENGINE.format(containers=self.root / "containers.json"))
        (self.root / "state" / "engine").write_text("docker\n")
        return self.root / "bin"

    def _history(self) -> None:
        done = (
            ("up-green", 230, "done"),
            ("route canary 10", 229, "failed"),
            ("route enable-green", 228, "done"),
        )
        lines = [
            {
                "at": stamp(self.now - timedelta(minutes=minutes)),
                **{"who": "ops", "command": what, "what": what, "from": OLD, "to": NEW},
                **{"generation": 7, "seconds": 0.1, "outcome": outcome},
                "why": "" if outcome == "done" else "not every worker has it",
            }
            for what, minutes, outcome in done
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (self.root / "state" / "history.jsonl").write_text(text)

    def _status(self) -> Reply:
        status, document = super()._status()
        assert isinstance(document, dict)
        for name, (served, errors) in self.served.items():
            document["slots"][name] |= {"requests": served, "errors": errors}
        return status, {**document, "activity": self.activity}

    def _report(self) -> Reply:
        names = ("sessions", "users", "anonymous", "websockets")
        versions = {v: dict(zip(names, counts, strict=True)) for v, counts in self.counts.items()}
        at = {"earliest": 5, "likely": 35, "latest": 6 * 1440 + 120}
        known = self.unknown is None
        old = self.counts[OLD][0]
        return 200, {
            "totalActiveUsers": sum(counts[1] or 0 for counts in self.counts.values()) if known else None,
            "oldVersionSessions": old,
            "currentVersion": NEW,
            "unknown": self.unknown,
            "versions": versions,
            "forecast": {name: stamp(self.now + timedelta(minutes=n)) for name, n in at.items()}
            if known
            else None,
            **self._users(),
        }

    def _users(self) -> dict[str, Any]:
        """A page of them, as the query of the last request wants it."""

        query = {key: values[0] for key, values in parse_qs(urlsplit(self.asked).query).items()}
        start, size = int(query.get("page", "0")), min(int(query.get("limit", "100")), self.page)
        page = self.people[start : start + size]
        left = size and len(self.people) > start + size
        return {
            "users": [
                {"userId": user, "email": email, "lastActivity": stamp(self.now - timedelta(seconds=seconds))}
                for user, email, seconds in page
            ],
            "nextPage": str(start + size) if left else None,
        }
