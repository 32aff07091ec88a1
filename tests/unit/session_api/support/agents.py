"""Nodes of a cluster: a real agent each, with a proxy that routes by the state file as the real one does."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from redis import Redis

from session_api.cluster import document as documents
from session_api.cluster import node_wish
from session_api.cluster.document import Document
from session_api.cluster.keys import Keys
from session_api.cluster.node_wish import NodeWish
from tests.unit.session_api.support.data import ROOT
from tests.unit.session_api.support.server import eventually
from tests.web_server import Reply, Web

PROJECT = "shop"
KEYS = Keys(PROJECT)


def state_text(generation: int, version: str = "1.6.7", **changes: Any) -> str:
    """A good state.json: all sessions are on `version`."""
    slots = {
        "blue": {"version": version, "state": "ready", "weight": 100},
        "green": {"version": None, "state": "maint", "weight": 0},
    }
    document = {
        "schema": 2,
        "generation": generation,
        "updatedAt": "2026-01-15T10:30:00Z",
        "phase": "rest",
        "deployment": None,
        "slots": slots,
    }
    return json.dumps(document | changes)


def put(
    client: Redis, fence: int, generation: int, version: str = "1.6.7", without: tuple[str, ...] = ()
) -> str:
    """Publishes a document as bgctl does, but without a lease; returns the text of its state."""
    text = state_text(generation, version)
    client.set(KEYS.document, documents.encode(Document(fence, text, without)))
    return text


def wish(client: Redis, node: str, fence: int, **members: Any) -> None:
    """Wishes something of a node as bgctl does, but without a lease."""
    client.set(KEYS.wish(node), node_wish.encode(NodeWish(fence, **members)))


def environment(store: str, project: str, node: str, state: Path, control: str) -> dict[str, str]:
    """What an agent is told."""
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "BGCTL_STORE": store,
        "BGCTL_PROJECT": project,
        "BGCTL_NODE": node,
        "BGCTL_STATE": str(state),
        "BGCTL_CONTROL": control,
    }


class Agent:
    """One process, and the lines that it logs."""

    def __init__(
        self, environment: dict[str, str], command: tuple[str, ...] = ("-m", "session_api.agent")
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command],
            env=environment,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def events(self, part: str) -> list[str]:
        """What it has logged that has `part` in it."""
        return [line for line in self.lines if part in line]

    def kill(self) -> None:
        """kill -9, and wait."""
        self.process.kill()
        self.ended()

    def stop(self) -> int:
        """Ends it as an engine does; returns its exit code."""
        self.process.terminate()
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=60)
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            self.lines.extend(iter(stderr.readline, ""))


class Node:
    """A node with its folder, its proxy and its agent. `changes` are to the agent's environment."""

    def __init__(self, folder: Path, store: str, name: str = "web1", **changes: str) -> None:
        self.name, self.state = name, folder / name / "state" / "state.json"
        self.state.parent.mkdir(parents=True)
        self.proxy = Web()
        self.proxy.answers["/status"] = self._status
        self.workers = 2
        self.stuck_at: int | None = None  # the generation at which its workers stay
        self.open = 0
        self.began = 1768473000.123  # when its proxy did, as the proxy says it
        self.up: bool | None = True  # whether its slots are; None: nobody has asked them yet
        self.path = "/bgctl-health"  # at which load balancers ask its proxy
        control = f"http://{self.proxy.address}"
        self.environment = environment(store, PROJECT, name, self.state, control) | changes
        self._agents: list[Agent] = []

    def start(self, *command: str) -> Agent:
        """Starts its agent, by `command` if there is one."""
        self._agents.append(Agent(self.environment, *([command] if command else [])))
        return self._agents[-1]

    @property
    def text(self) -> str | None:
        """What state.json has."""
        return self.state.read_text() if self.state.exists() else None

    @property
    def file(self) -> dict[str, Any]:
        """What node.json has; {}: there is none."""
        path = self.state.parent / "node.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def has(self, text: str) -> None:
        """Returns when state.json has this text."""
        eventually(lambda: self.text, lambda there: there == text)

    def reports(self, client: Redis, **fields: Any) -> dict[str, Any]:
        """The node's report, once it has these fields."""
        return eventually(
            lambda: self.report(client),
            lambda seen: fields.items() <= {k: v for k, v in seen.items() if k in fields}.items(),
        )

    def report(self, client: Redis) -> dict[str, Any]:
        found = client.get(KEYS.node(self.name))
        return json.loads(found) if found else {}

    def kill(self) -> None:
        """kill -9 for all of its agents."""
        for agent in self._agents:
            agent.kill()

    def stop(self) -> None:
        self.kill()
        self.proxy.stop()

    def _status(self) -> Reply:
        state = json.loads(self.text or '{"generation": null, "slots": {}}')
        generation = self.stuck_at or state["generation"]
        told = self.file
        drain, leave = told.get("drain", False), told.get("leave", 0)
        workers = [
            {"pid": pid + 10 * leave, "generation": generation, "drained": drain}
            for pid in range(self.workers)
        ]
        more = {"open": self.open, "websockets": 0, "health": {"up": self.up}}
        slots = {name: {**slot, **more} for name, slot in state["slots"].items()}
        return 200, {
            "schema": 1,
            "startedAt": self.began,
            "generation": generation,
            "workers": workers,
            "workersExpected": 2,
            "slots": slots,
            "node": {**told, "path": self.path, "ready": not drain, "whyNot": "drained" if drain else None},
        }
