"""A page, an API, the stock that the API and a worker ask by its plain name: each says its own version."""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

NAME = sys.argv[1]
VERSION = "1"
ASKS = ("api", "worker")  # the stock


def said():
    if NAME not in ASKS:
        return f"{NAME} v{VERSION}"
    with urlopen("http://stock:8000/stock/", timeout=5) as answer:
        return f"{NAME} v{VERSION}, {answer.read().decode()}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.endswith("/stream"):
            return self.stream()
        try:
            status, text = 200, said()
        except OSError as error:
            status, text = 502, f"nobody answers behind {NAME}: {error}"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def stream(self):
        """Goes on until its reader leaves."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.send_header("X-Accel-Buffering", "no")
        self.end_headers()
        try:
            while True:
                self.wfile.write(f"data: {NAME} v{VERSION}\n\n".encode())
                time.sleep(0.1)
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        pass


if NAME == "worker":
    while True:
        try:
            print(said(), flush=True)
        except OSError as error:
            print(f"worker v{VERSION} waits: {error}", flush=True)
        time.sleep(0.2)
else:
    ThreadingHTTPServer(("", 8000), Handler).serve_forever()
