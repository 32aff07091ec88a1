"""A page, the service behind it, and a worker: each says its version, and the two others that of the service."""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

VERSION = "1"
NAME = sys.argv[1]


def behind():
    with urlopen("http://api:8000/api/who", timeout=5) as answer:
        return answer.read().decode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            text = f"{NAME} v{VERSION}" + (f", {behind()}" if self.path == "/" else "")
            status = 200
        except OSError as error:
            status, text = 502, f"nobody answers behind {NAME}: {error}"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


if NAME == "worker":
    while True:
        try:
            print(f"worker v{VERSION}, {behind()}", flush=True)
        except OSError as error:
            print(f"worker v{VERSION} waits: {error}", flush=True)
        time.sleep(0.2)
else:
    ThreadingHTTPServer(("", 8000), Handler).serve_forever()
