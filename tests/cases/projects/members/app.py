"""A list of members: who joins has a name, and may change it."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import psycopg

VERSION = "1"
COLUMN = "name"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    local = threading.local()

    def ask(self, statement, *values):
        """One row. A thread keeps its connection for as long as the browser keeps its own."""
        if not hasattr(self.local, "connection"):
            self.local.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        return self.local.connection.execute(statement, values).fetchone()

    def form(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        return parse_qs(body)["name"][0]

    @property
    def member(self):
        cookies = dict(each.strip().partition("=")[::2] for each in self.headers.get("Cookie", "").split(";"))
        return cookies.get("member")

    def do_GET(self):
        if self.path == "/health":
            (number,) = self.ask("select count(*) from members")
            return self.answer(f"{number} members")
        if not self.member:
            return self.answer("nobody yet")
        (name,) = self.ask(f"select {COLUMN} from members where id = %s", self.member)
        return self.answer(f"hello {name}")

    def do_POST(self):
        name = self.form()
        if self.path == "/join":
            (member,) = self.ask(f"insert into members ({COLUMN}) values (%s) returning id", name)
            return self.answer(f"welcome {name}", f"member={member}; Path=/; HttpOnly")
        (name,) = self.ask(
            f"update members set {COLUMN} = %s where id = %s returning {COLUMN}", name, self.member
        )
        return self.answer(f"now {name}")

    def answer(self, text, cookie=None):
        body = f"members v{VERSION}: {text}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("", 8000), Handler).serve_forever()
