"""What the browser tests use: a site around the real session API, and tabs that are hidden and shown."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Page

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STRICT = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
STEP = 7_000  # milliseconds: less than the time-out of any request
COUNT_REQUESTS = """
    window.pending = 0; // requests on their way
    const send = window.fetch;
    window.fetch = async (...request) => {
        pending += 1;
        try {
            const answer = await send(...request);
            await answer.clone().text();
            return answer;
        } finally {
            pending -= 1;
        }
    };
"""
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "date", "server", "content-length"}


@contextmanager
def reporting(api: str, keys: Path) -> Iterator[None]:
    """A proxy that has seen nobody, and says so every second: without one, no count is known."""
    key = (keys / "proxy" / "proxy.key").read_text().strip()
    body: dict[str, Any] = {"proxy": "web1:8080", "epoch": None, "complete": True, "sessions": [], "gone": []}
    ended = threading.Event()

    def report() -> None:
        now = time.time()
        headers = {"Authorization": f"Bearer {key}"}
        told = body | {"now": now, "since": now - 864000}
        answer = requests.post(f"{api}/_bgctl/activity", json=told, headers=headers, timeout=30)
        if answer.ok:
            body["epoch"] = answer.json()["epoch"]

    def go_on() -> None:
        while not ended.wait(1):
            with suppress(requests.RequestException):
                report()

    report()
    report()
    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Site:
    """The app's pages, and /api/ passed on to the session API as by the proxy. Remembers what was asked."""

    def __init__(self, api: str, tls: ssl.SSLContext | None = None) -> None:
        self.api = api
        self.files: dict[str, tuple[str, str]] = {}  # path: media type, text
        self.version: str | None = None  # what the proxy says in X-Deployment-Version
        self.down = False
        self.alter: dict[str, Callable[[Any], None]] = {}  # path: what to change in the JSON of an answer
        self._seen: list[tuple[str, str, str]] = []
        self._news = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": self}))
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"

    def page(self, script: str, version: str = "") -> None:
        """At /, a page with this tag; at /app.mjs, a script of the test's own."""
        html = f"<!doctype html><html lang=en {version}><title>shop</title><h1>Shop</h1>{script}"
        self.files["/"] = "text/html", html

    def note(self, method: str, path: str, cookie: str) -> bool:
        """Returns whether it is down for this request: for one that a test has seen, `down` may change."""
        with self._news:
            self._seen.append((method, path, cookie))
            return self.down

    def asked(self, method: str, path: str) -> list[str]:
        """The Cookie headers of all requests like this."""
        with self._news:
            return [cookie for verb, asked, cookie in self._seen if (verb, asked) == (method, path)]

    @property
    def beats(self) -> int:
        return len(self.asked("POST", "/api/deployment/heartbeat"))

    @property
    def looks(self) -> int:
        return len(self.asked("GET", "/api/deployment/version"))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a browser keeps connections open

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error."""


class _Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        down = self.site.note(self.command, path, self.headers.get("Cookie", ""))
        if not path.startswith("/api/"):
            self._serve(path)
        elif down:
            self.close_connection = True
        else:
            self._pass_on()

    def do_POST(self) -> None:
        self.do_GET()

    def _serve(self, path: str) -> None:
        media_type, text = self.site.files.get(path, ("text/plain", ""))
        status = 200 if path in self.site.files else 404
        self._answer(status, {"Content-Type": media_type, "Content-Security-Policy": STRICT}, text.encode())

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                self.command,
                self.site.api + self.path,
                headers=dict(self.headers),
                data=body,
                allow_redirects=False,
                timeout=30,
            )
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
        if self.site.version:
            headers["X-Deployment-Version"] = self.site.version
        self._answer(answer.status_code, headers, self._altered(answer))

    def _altered(self, answer: requests.Response) -> bytes:
        alter = self.site.alter.get(self.path.partition("?")[0])
        if not alter or not answer.ok:
            return answer.content
        document = answer.json()
        alter(document)
        return json.dumps(document).encode()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def wait(page: Page, true: Callable[[], Any], told: Callable[[], object] = lambda: "") -> None:
    """Return when it is true; the browser goes on meanwhile. (Playwright's own waiting needs `eval`.)"""
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline, f"never came true {told()}"
        page.wait_for_timeout(10)


def take_time(page: Page) -> None:
    """The page's time is the test's to turn, from here on."""
    page.add_init_script(COUNT_REQUESTS)
    page.clock.install()


def until(page: Page, true: Callable[[], bool]) -> None:
    """Return when it is true and the page has its answers."""
    wait(page, lambda: true() and page.evaluate("pending === 0"))


def pass_time(page: Page, milliseconds: float) -> None:
    """Turn the clock; what the page asks meanwhile is answered before its own time-out passes."""
    while milliseconds > 0:
        until(page, lambda: True)
        page.clock.run_for(min(STEP, int(milliseconds)))
        milliseconds -= STEP
    until(page, lambda: True)


def hide(page: Page) -> None:
    """As when another tab comes to the front: in headless Chromium, every tab is in front."""
    _turn(page, "hidden")


def show(page: Page) -> None:
    _turn(page, "visible")


def _turn(page: Page, state: str) -> None:
    page.evaluate(
        """state => {
            Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def self_signed(directory: Path) -> ssl.SSLContext:
    """A server's side of TLS for 127.0.0.1, which a browser must be told to accept."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = key.private_bytes(encoding, form, serialization.NoEncryption())
    (directory / "tls.pem").write_bytes(private + certificate.public_bytes(encoding))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "tls.pem")
    return context
