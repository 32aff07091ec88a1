"""What tests of `bgctl adopt` need: a project that runs by plain compose, and its clients meanwhile."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

import docker
import requests

from testbed.labels import labelled
from testbed.project import IMAGES, Project
from tests.e2e.support.stacks import Stack, eventually

COMPOSE = f"""\
services:
  frontend:
    image: localhost/{IMAGES}/demo-app:1.6.7
    ports: ["127.0.0.1:{{self.ports.proxy}}:3000"]
    environment: {{{{VERSION: 1.6.7}}}}
    init: true
    restart: always
    stop_grace_period: 5s
networks:
  default: {{{{}}}}
"""
PATIENCE = 60.0  # seconds
PACE = 0.05  # seconds between two requests of one client
STEPS = (  # of an adoption, those that each project has
    *("note", "image", "keys", "folders", "state", "start-blue", "proxy", "routing", "session-api"),
    *("settings", "redirect", "finish", "stop", "listen", "remove"),
)


class Plain(Stack):
    """The demo app as `docker compose up -d` runs it, at the port that the proxy is to have."""

    def create(self) -> Self:
        super().create()
        path = self.directory / "bgctl.toml"
        path.write_text(path.read_text().replace("[services.frontend]", "[services.frontend]\nport = 3000"))
        (self.directory / "compose.yaml").write_text(labelled(COMPOSE.format(self=self)))
        return self

    def up(self) -> None:
        self.client = docker.from_env()
        self.create()
        self.plain("up", "-d")
        eventually(self.answers, "the app is there")

    def plain(self, *arguments: str) -> None:
        command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        subprocess.run([*command, *arguments], cwd=self.directory, check=True, capture_output=True)

    def answers(self) -> bool:
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/api/whoami", timeout=5).ok
        return False

    @contextmanager
    def ill(self) -> Iterator[None]:
        """By bgctl.toml, whose health path nobody answers."""
        path = self.directory / "bgctl.toml"
        good = path.read_text()
        path.write_text(
            re.sub(r'"/healthz"', '"/nowhere"', good).replace('timeout = "30s"', 'timeout = "2s"')
        )
        try:
            yield
        finally:
            path.write_text(good)

    def plain_again(self) -> None:
        """The documented way back, and all of bgctl's own gone: it can be adopted once more."""
        self.bgctl("down", "--yes")
        for folder in ("state", "proxy", "data"):
            shutil.rmtree(self.directory / folder, ignore_errors=True)
        self.plain("up", "-d")
        eventually(self.answers, "the app is there again")


class Adoption:
    """`bgctl adopt`, as it goes on. `said` are its lines so far."""

    def __init__(self, project: Project, *options: str) -> None:
        self.said: list[str] = []
        self._process = project.start(
            "adopt", *options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=project.environment
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as lines:
            for line in lines:
                self.said.append(line.rstrip())

    def has(self, step: str) -> bool:
        """Whether this step is over."""
        return any(re.match(rf" *(ok|-) +{step}\b", line) for line in list(self.said))

    def reaches(self, step: str) -> None:
        there = lambda: self.has(step) or self._process.poll() is not None  # noqa: E731
        eventually(there, f"adopt reaches {step}", PATIENCE)
        assert self.has(step), "\n".join(self.said)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)

    def ends(self, code: int = 0) -> str:
        """Waits for its end, and returns what it has said."""
        self._process.wait(PATIENCE * 2)
        self._reader.join(PATIENCE)
        text = "\n".join(self.said)
        assert self._process.returncode == code, text
        return text


class Load:
    """Clients who ask again and again, each with a connection for each request; what they saw."""

    def __init__(self, url: str, clients: int = 4) -> None:
        self.requests = 0
        self.failures: list[str] = []
        self._url, self._over = url, threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _ask(self) -> None:
        while not self._over.wait(PACE):
            self.requests += 1
            try:
                requests.get(self._url, timeout=15, headers={"Connection": "close"}).raise_for_status()
            except requests.RequestException as error:
                self.failures.append(f"{type(error).__name__}: {error}")


class SlowReader:
    """An open download: of a large answer only the beginning has been read."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(("127.0.0.1", port))
        lines = [
            f"GET {path} HTTP/1.0",
            "Connection: close",
            *(f"{key}: {value}" for key, value in headers.items()),
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._begin = self._socket.recv(1000)

    def whole(self) -> bool:
        """Reads the rest: whether it is as long as was said."""
        parts = [self._begin]
        with self._socket:
            while part := self._socket.recv(1 << 20):
                parts.append(part)
        head, _, body = b"".join(parts).partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        return head.split()[1] == b"200" and length is not None and int(length[1]) == len(body)


def redirected(project: str) -> list[str]:
    """The rules of an adoption of this project that stand on this machine."""
    programs = ("iptables-save", "ip6tables-save")
    done = [subprocess.run([each], capture_output=True, text=True, check=True).stdout for each in programs]
    return [line for text in done for line in text.splitlines() if f'"bgctl-adopt {project}"' in line]


def since(stack: Stack, service: str) -> tuple[str, str]:
    """Which container a service has, and since when it runs."""
    found = stack.container(service)
    return str(found.id), found.attrs["State"]["StartedAt"]
