"""A real redis-server on a socket of its own."""

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from redis import Redis

from session_api.stores.redis.address import RedisAddress

MAX_PORT = 55535


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


def free_port() -> int:
    """A port that was free a moment ago; ten thousand above it must be a port, too, for a cluster's bus."""
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = int(listener.getsockname()[1])
        if port <= MAX_PORT:
            return port
