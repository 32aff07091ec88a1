"""A single-page app's server: its page, and the files of its build. With a file `fallback`, missing ones are its page."""

import mimetypes
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parent / "dist"
FALLS_BACK = bool((Path(__file__).parent / "fallback").exists())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        asset = ROOT / path.lstrip("/")
        if path == "/assets/members.js" and "member" not in self.headers.get("Cookie", ""):
            self.answer(403, "text/plain", b"members only", "no-store")
        elif path == "/assets/broken.js":
            self.answer(500, "text/plain", b"the app's own words", "no-store")
        elif path.startswith("/assets/") and "/." not in path and asset.is_file() and not asset.is_symlink():
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
            self.answer(200, f"{kind}; charset=utf-8", asset.read_bytes(), "public, max-age=31536000, immutable")
        elif path.startswith("/assets/") and not FALLS_BACK:
            self.answer(404, "text/plain", b"no such file", "no-store")
        else:
            self.answer(200, "text/html; charset=utf-8", (ROOT / "index.html").read_bytes(), "no-cache")

    do_HEAD = do_GET

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(404, "text/plain", b"nothing to post to", "no-store")

    def answer(self, status, kind, body, caching):
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Cache-Control": caching,
            "Content-Length": len(body),
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
