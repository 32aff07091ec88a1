"""A Redis of a lab: a real server on one node, which can be killed, forget, follow another and take over."""

from __future__ import annotations

import shutil

import redis

from .node import Node
from .waiting import eventually

PORT = 6379
# What has been answered is on the disk, as in an installation that must not lose anything.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


class Redis:
    """Off until `start`. It ends with its node; `url` is its address, for BGCTL_STORE."""

    def __init__(self, node: Node, port: int = PORT) -> None:
        self.node, self.port = node, port
        self.folder = node.folder / f"redis-{port}"
        self.url = f"redis://{node.address}:{port}/0"
        self.client = redis.Redis(
            node.address, port, decode_responses=True, socket_timeout=5, socket_connect_timeout=5
        )

    def start(self, *, empty: bool = False) -> None:
        """With what it has on its disk; `empty`: as on a new disk."""
        if empty:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        place = ["--bind", self.node.address, "--port", str(self.port), "--protected-mode", "no"]
        files = ["--dir", str(self.folder), "--pidfile", self._pidfile]
        log = ["--logfile", str(self.folder / "log"), "--daemonize", "yes"]
        self.node.run("redis-server", *place, *files, *log, *DURABLE)
        eventually(self.answers, f"the Redis of {self.node.name} answers")

    def kill(self) -> None:
        """By `kill -9`: what it has answered is on its disk."""
        self.node.run("sh", "-c", 'kill -s KILL "$(cat "$1")"', "kill", self._pidfile)
        eventually(lambda: not self.answers(), f"the Redis of {self.node.name} is dead")

    def follow(self, leader: Redis) -> None:
        """Becomes a replica, and waits until it has all that the leader has."""
        self.client.replicaof(leader.node.address, leader.port)
        what = f"the Redis of {self.node.name} follows that of {leader.node.name}"
        eventually(lambda: self.client.info("replication")["master_link_status"] == "up", what)

    def promote(self) -> None:
        """From now on it takes writes itself, and follows nobody."""
        self.client.replicaof("NO", "ONE")

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    @property
    def _pidfile(self) -> str:
        return str(self.folder / "pid")
