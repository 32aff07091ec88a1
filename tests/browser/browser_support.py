"""What the browser tests use: a site around the real session API, and pages whose visibility is turned by hand."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
from playwright.sync_api import Page

CHROMIUM = "/usr/bin/chromium"
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
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "date", "server", "content-length"}


class Site:
    """The app's pages, with /api/ passed on to the session API, as the proxy has it. Remembers what was asked."""

    def __init__(self, api: str) -> None:
        self.api = api
        self.html = ""
        self.version: str | None = None  # what the proxy would say in X-Deployment-Version
        self.down = False
        self._seen: list[tuple[str, str, str]] = []
        self._news = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def note(self, method: str, path: str, cookie: str) -> None:
        with self._news:
            self._seen.append((method, path, cookie))
            self._news.notify_all()

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

    def wait(self, page: Page, true: Callable[[], bool]) -> None:
        """Return when it is true; the browser goes on meanwhile."""
        for _ in range(1000):
            if true():
                return
            page.wait_for_timeout(10)  # nothing but the browser's own loop waits here
        raise AssertionError(f"not within 10 s; seen: {self._seen}")

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.site.note(self.command, path, self.headers.get("Cookie", ""))
        if self.site.down and path.startswith("/api/"):
            self.close_connection = True
        elif path.startswith("/api/"):
            self._pass_on()
        else:
            self._answer(200, {"Content-Type": "text/html", "Content-Security-Policy": STRICT}, self._page())

    do_POST = do_GET

    def _page(self) -> bytes:
        return self.site.html.encode()

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
        self._answer(answer.status_code, headers, answer.content)

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
