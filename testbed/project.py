"""A project directory as an operator has one, with the demo app in it; for `make demo` and for the tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import requests

from testbed import certificates, labels
from testbed.ports import Ports
from testbed.texts import CONFIG, ENVIRONMENT

ROOT = Path(__file__).resolve().parents[1]
BGCTL = Path(sys.executable).parent / "bgctl"
IMAGES = os.environ.get("BGCTL_IMAGES", "bgctl")  # as setup/images names them
ANSWER_SECONDS = 5.0
COMMAND_SECONDS = 300.0


def name_of_its_own(stem: str) -> str:
    """For a project that another checkout on this machine has as well, perhaps just now."""
    return f"{stem}-{uuid4().hex[:8]}"


def _toml(table: dict[str, Any]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())


@dataclass
class Project:
    """One project directory and the bgctl that drives it."""

    directory: Path
    name: str
    engine: str = "docker"
    version: str = "1.6.7"
    ports: Ports = field(default_factory=Ports.free)
    workers: int = 2
    read_timeout: str = "60s"
    pin_idle: str = "30m"
    health_timeout: str = "30s"
    health_check: str = "2s"
    check_timeout: str = "3s"  # a busy machine must not look like a slot that is down
    request_deadline: str = "15s"
    websocket_deadline: str = "60s"
    stop_grace: str = "5s"
    idle_timeout: str = "30m"
    deadline: str = "off"
    visitors: bool = True
    migrate: str = "never"
    migrate_idle: str = "10m"
    tls: bool = False  # HTTPS, with a certificate of an authority of its own: see `ca`
    proxy_more: dict[str, Any] = field(default_factory=dict)  # more of [proxy], of [tls], [pin] and [headers]
    tls_more: dict[str, Any] = field(default_factory=dict)
    pin: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    api_more: dict[str, Any] = field(default_factory=dict)  # more of [services.session-api]
    allow: tuple[str, ...] = ()
    mirror: int = 0
    store: str = ""  # the env file's BGCTL_STORE; empty: what the compose file says without it

    def create(self) -> Self:
        """Writes bgctl.toml, the env file and the compose file; what that makes has the label of this run."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.tls:
            self.authority = certificates.make(self.directory)
        (self.directory / "bgctl.toml").write_text(CONFIG.format(self=self))
        (self.directory / ".env").write_text(ENVIRONMENT.format(self=self, IMAGES=IMAGES))
        compose = (ROOT / "compose" / "compose.yaml").read_text()
        (self.directory / "compose.yaml").write_text(labels.labelled(compose))
        return self

    def configure(self, **settings: Any) -> Self:
        """Changes settings in bgctl.toml; in force with the next `bgctl up`."""
        for name, value in settings.items():
            if not hasattr(self, name):
                raise AttributeError(f"no such setting: {name}")
            setattr(self, name, value)
        (self.directory / "bgctl.toml").write_text(CONFIG.format(self=self))
        return self

    @property
    def toml_visitors(self) -> str:
        return json.dumps(self.visitors)

    @property
    def toml_tls(self) -> str:
        return json.dumps(self.tls)

    @property
    def toml_proxy(self) -> str:
        return _toml(self.proxy_more)

    @property
    def toml_api(self) -> str:
        return _toml(self.api_more)

    @property
    def toml_tables(self) -> str:
        own = {
            "certificate": certificates.CHAIN,
            "key": certificates.KEY,
            "listen": f"127.0.0.1:{self.ports.tls}",
        }
        tables = {
            "tls": {**(own if self.tls else {}), **self.tls_more},
            "pin": self.pin,
            "headers": self.headers,
        }
        return "".join(f"[{name}]\n{_toml(table)}\n" for name, table in tables.items() if table)

    @property
    def ca(self) -> Path | None:
        """Whom to trust, in PEM; None: plain HTTP."""
        return self.directory / certificates.AUTHORITY if self.tls else None

    @property
    def plain_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.proxy}"

    @property
    def toml_allow(self) -> str:
        return json.dumps(self.allow)

    @property
    def env_store(self) -> str:
        return f"BGCTL_STORE={self.store}\n" if self.store else ""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.ports.tls}" if self.tls else self.plain_url

    @property
    def control_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.control}"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.api}"

    def census(self, **query: str | int) -> dict[str, Any]:
        """Who is active where, in the session API's words: active-sessions, asked with the admin key."""
        key = (self.directory / "keys" / "admin" / "admin.key").read_text().strip()
        answer = requests.get(
            f"{self.api_url}/api/deployment/active-sessions",
            params=query,
            headers={"Authorization": f"Bearer {key}"},
            timeout=ANSWER_SECONDS,
        )
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """A bgctl in the background; `options` are Popen's."""
        return subprocess.Popen(
            [str(BGCTL), "--project", str(self.directory), *arguments],
            stdin=subprocess.DEVNULL,
            text=True,
            **options,
        )

    def bgctl(
        self, *arguments: str, code: int | None = 0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Runs bgctl to its end. Raises with all it said when it exits otherwise than `code` (None: any)."""
        done = subprocess.run(
            [str(BGCTL), "--project", str(self.directory), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            env={**os.environ, "NO_COLOR": "1"},
        )
        if code is not None and done.returncode != code:
            said = f"{done.stdout}{done.stderr}"
            raise AssertionError(f"bgctl {' '.join(arguments)}: exit {done.returncode}, not {code}\n{said}")
        return done

    def ask(self, *arguments: str, code: int | None = 0, stdin: str = "") -> Any:
        """What a reading command says with --json."""
        return json.loads(self.bgctl(*arguments, "--json", code=code, stdin=stdin).stdout)

    def state(self) -> dict[str, Any]:
        """state.json as it is."""
        document: dict[str, Any] = json.loads((self.directory / "state" / "state.json").read_text())
        return document

    def proxy_status(self) -> dict[str, Any]:
        """What the proxy's control listener says."""
        document: dict[str, Any] = requests.get(f"{self.control_url}/status", timeout=ANSWER_SECONDS).json()
        return document

    def containers(self, service: str | None = None) -> list[str]:
        """Ids of this project's containers, stopped ones too; of one service where it is named."""
        filters = [f"label=com.docker.compose.project={self.name}"]
        filters += [f"label=com.docker.compose.service={service}"] if service else []
        listing = [word for value in filters for word in ("--filter", value)]
        return self.engine_says("ps", "--all", "--quiet", *listing).split()

    def error_log(self) -> list[str]:
        """What the proxy has logged: in a good release, nothing at all."""
        ids = self.containers("proxy")
        if not ids:
            return []
        done = subprocess.run([self.engine, "logs", ids[0]], capture_output=True, text=True, check=True)
        return done.stderr.splitlines()

    def engine_says(self, *arguments: str) -> str:
        """Standard output of the engine's own command line."""
        done = subprocess.run([self.engine, *arguments], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{self.engine} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def remove(self) -> None:
        """Removes this project's containers, networks, volumes and directory, and nothing else."""
        ids = self.containers()
        if ids:
            self.engine_says("rm", "--force", "--volumes", *ids)
        label = f"label=com.docker.compose.project={self.name}"
        for network in self.engine_says("network", "ls", "--quiet", "--filter", label).split():
            self.engine_says("network", "rm", network)
        for volume in self.engine_says("volume", "ls", "--quiet", "--filter", label).split():
            self.engine_says("volume", "rm", volume)
        shutil.rmtree(self.directory, ignore_errors=True)
