"""A project with [acme], and a proxy in this process: it serves challenges, shows what nginx.conf names."""

from __future__ import annotations

import re
import ssl
import threading
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.unit.toolkit.support.engines import FakeEngine, Listening, project_on
from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit.acme import listener
from toolkit.project import Project

HOSTS = ("shop.example", "www.shop.example")
ACME = """\
hosts = {hosts}
agree_tos = true
email = ""
directory = "{directory}"
ca_file = "{ca_file}"
renew_before = "30d"
timeout = "{timeout}"
"""


class Edge:
    """The proxy's two public listeners. `broken`: the next load changes nothing of what is shown."""

    def __init__(self, root: Path, port: int) -> None:
        self._proxy, self.broken = root / "proxy", False
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.plain = _server(port, self._proxy / "acme")
        self.tls = _server(0, self._proxy / "acme", self._context)

    def load(self) -> None:
        named = re.search(r"ssl_certificate /etc/bgctl/(\S+);", (self._proxy / "nginx.conf").read_text())
        assert named
        if not self.broken:
            self._context.load_cert_chain(self._proxy / named[1])
        self.broken = False

    def stop(self) -> None:
        for server in (self.plain, self.tls):
            server.shutdown()
            server.server_close()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Who hangs up in the middle of a handshake is no failure of a test."""


def _server(port: int, folder: Path, context: ssl.SSLContext | None = None) -> Server:
    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def setup(self) -> None:
            if context:
                self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = Server(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


class EdgeEngine(FakeEngine):
    """HUP makes new workers, which have loaded what is there."""

    edge: Edge

    def signal(self, service: str, signal: str) -> None:
        super().signal(service, signal)
        self.edge.load()
        self.pid = getattr(self, "pid", 11) + 2


class AcmeWorld:
    """`project` is new with each look, as in each run of bgctl."""

    def __init__(self, world: World, port: int) -> None:
        """`port` is that of plain HTTP."""
        self.world, self.root, self.edge = world, world.root, Edge(world.root, port)
        self.engine = EdgeEngine(world)
        self.engine.edge = self.edge
        self.ui = Listening()
        self._status: Any = world.control.answers["/status"]
        world.control.answers["/status"] = self._workers
        world.put("rest", READY, NONE)

    def asks(
        self, directory: str, ca_file: Path | None = None, timeout: str = "5s", hosts: tuple[str, ...] = HOSTS
    ) -> Self:
        """Writes [acme] for this authority."""
        if ca_file:
            (self.root / "authority.pem").write_bytes(ca_file.read_bytes())
        listed = "[" + ", ".join(f'"{host}"' for host in hosts) + "]"
        table = ACME.format(
            directory=directory, ca_file="authority.pem" if ca_file else "", timeout=timeout, hosts=listed
        )
        path = self.root / "bgctl.toml"
        text = re.sub(r"(?ms)^(\[acme\][^\n]*\n).*?^\[headers\]", rf"\1{table}\n[headers]", path.read_text())
        text = re.sub(
            r'listen = "(0\.0\.0\.0:443|127\.0\.0\.1:\d+)" +# "\[::\]',
            f'listen = "{_at(self.edge.tls)}" # "[::]',
            text,
        )
        text = re.sub(
            r'listen = "127\.0\.0\.1:\d+" +# where', f'listen = "{_at(self.edge.plain)}" # where', text
        )
        path.write_text(text)
        return self

    @property
    def project(self) -> Project:
        return project_on(self.engine, self.ui)

    @property
    def pair(self) -> Path:
        return self.root / "keys" / "acme" / "certificate.pem"

    def shown(self) -> bytes:
        """The certificate that the proxy shows, in DER."""
        return listener.shown(self.project.config.tls.listen[0], HOSTS[0], b"")

    def challenges(self) -> list[Path]:
        """The files of challenges that are there."""
        return [path for path in (self.root / "proxy" / "acme").rglob("*") if path.is_file()]

    def start(self) -> None:
        """What `bgctl up` does for the proxy."""
        from toolkit.rendering import reload

        files, _ = reload.wanted(self.project)
        reload.store(self.project, files)
        self.edge.load()
        reload.mark_loaded(self.project, files)

    def stop(self) -> None:
        with suppress(OSError):
            self.edge.stop()

    def _workers(self) -> Any:
        status, document = self._status()
        first = getattr(self.engine, "pid", 11)
        for pid, worker in enumerate(document["workers"], first):
            worker["pid"] = pid
        return status, document


def _at(server: Server) -> str:
    return f"127.0.0.1:{server.server_port}"
