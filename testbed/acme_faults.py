"""Certificate authorities that give nothing: one that never answers, and one that refuses every order."""

from __future__ import annotations

import json
import secrets
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

PROBLEM = "urn:ietf:params:acme:error:"


@contextmanager
def silent() -> Iterator[str]:
    """The address of a directory: connections are taken, and nothing is ever said on them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/dir"


@contextmanager
def refusing(
    ca_file: Path, code: str, detail: str, status: int = 429, retry_after: str = ""
) -> Iterator[str]:
    """The address of a directory whose accounts are made, and whose orders all meet the same problem.

    `ca_file` is written: what its HTTPS is to be trusted by. `code` is the last part of the problem's type,
    and "" has each order answered with something that is no ACME.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(code, detail, status, retry_after))
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/dir"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(code: str, detail: str, status: int, retry_after: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            base = f"https://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
            names = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order"}
            self._say(200, {name: f"{base}/{path}" for name, path in names.items()})

        def do_HEAD(self) -> None:
            self._say(200, None)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/account":
                self._say(201, {"status": "valid"}, Location="https://127.0.0.1/account/1")
            elif not code:
                self._say(200, ["no", "order"])
            else:
                more = {"Retry-After": retry_after} if retry_after else {}
                problem = {"type": f"{PROBLEM}{code}", "detail": detail}
                self._say(status, problem, "application/problem+json", **more)

        def _say(self, status: int, document: object, kind: str = "application/json", **headers: str) -> None:
            body = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            fixed = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
            for name, value in {**fixed, "Replay-Nonce": secrets.token_urlsafe(16), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
