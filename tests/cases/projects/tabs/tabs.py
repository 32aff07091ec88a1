"""A single-page app's server: its page, and the files of its build. With a file `fallback`, missing ones are its page."""

import gzip
import hashlib
import mimetypes
import re
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parent / "dist"
FALLS_BACK = bool((Path(__file__).parent / "fallback").exists())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = unquote(self.path.partition("?")[0])
        asset = ROOT / path.lstrip("/")
        if path == "/assets/members.js" and "member" not in self.headers.get("Cookie", ""):
            self.answer(403, "text/plain", b"members only", "no-store")
        elif path == "/assets/broken.js":
            self.answer(500, "text/plain", b"the app's own words", "no-store")
        elif path.startswith("/assets/") and "/." not in path and asset.is_file() and not asset.is_symlink():
            self.send_file(path, asset.read_bytes())
        elif path.startswith("/assets/") and not FALLS_BACK:
            self.answer(404, "text/plain", b"no such file", "no-store")
        else:
            self.answer(200, "text/html; charset=utf-8", (ROOT / "index.html").read_bytes(), "no-cache")

    do_HEAD = do_GET

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(404, "text/plain", b"nothing to post to", "no-store")

    def send_file(self, path, body):
        """As static servers do: compressed where that is wanted, in part, or not at all where it is known."""
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        caching = "public, max-age=31536000, immutable"
        more = {"ETag": f'"{hashlib.sha256(body).hexdigest()[:8]}"', "Vary": "Accept-Encoding"}
        status, part = 200, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if self.headers.get("If-None-Match") == more["ETag"]:
            status, body = 304, b""
        elif part:
            more["Content-Range"] = f"bytes {part[1]}-{part[2]}/{len(body)}"
            status, body = 206, body[int(part[1]) : int(part[2]) + 1]
        elif "gzip" in self.headers.get("Accept-Encoding", ""):
            more["Content-Encoding"], body = "gzip", gzip.compress(body)
        self.answer(status, f"{kind}; charset=utf-8", body, caching, more)

    def answer(self, status, kind, body, caching, more={}):
        self.send_response(status)
        known = {"Content-Type": kind, "Cache-Control": caching, "Content-Length": len(body)}
        for name, value in (known | more).items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
