"""A real Sentinel, and the two servers of which it knows the primary."""

import subprocess
from collections.abc import Callable

from redis import Redis, RedisError

from session_api.stores.redis.address import RedisAddress
from tests.unit.session_api.support.redis_server import RedisServer, free_port
from tests.unit.session_api.support.server import eventually

NAME = "shop"


class Watched:
    """A primary, its replica and one Sentinel, which is enough to decide."""

    def __init__(self, start: Callable[..., RedisServer]) -> None:
        ports = [str(free_port()) for _ in range(2)]
        bound = ("--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0", "--port")
        self.primary = start(*bound, ports[0])
        self.replica = start(*bound, ports[1], "--replicaof", "127.0.0.1", ports[0])
        with self.replica.client() as client:
            eventually(lambda: client.info("replication")["master_link_status"], lambda seen: seen == "up")
        self.port = free_port()
        written = self.primary.folder / "sentinel.conf"
        lines = [f"port {self.port}", f"sentinel monitor {NAME} 127.0.0.1 {ports[0]} 1"]
        lines += [f"sentinel down-after-milliseconds {NAME} 500", f"dir {self.primary.folder}"]
        written.write_text("\n".join(lines) + "\n")
        command = ["redis-server", str(written), "--sentinel"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        # The first of both is not there: any of them will do.
        self.address = RedisAddress(f"redis+sentinel://127.0.0.1:1,127.0.0.1:{self.port}/{NAME}/0")
        eventually(self._knows_both, bool)

    def fail_over(self) -> None:
        """kill -9 for the primary; returns when the replica has taken its place."""
        self.primary.kill()
        with self.replica.client() as client:
            eventually(lambda: client.info("replication")["role"], lambda role: role == "master")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def _knows_both(self) -> bool:
        try:
            with Redis(port=self.port) as sentinel:
                return len(sentinel.sentinel_slaves(NAME)) == 1
        except RedisError:  # it does not listen yet
            return False
