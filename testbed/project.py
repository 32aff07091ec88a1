"""A project as an operator has one, with the demo app in it: for `make demo` and for the tests."""

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
IMAGES = os.environ.get("BGCTL_IMAGES", "bgctl")  # the middle part of the images' names: see setup/images
ANSWER_SECONDS = 5.0  # for an answer by HTTP
COMMAND_SECONDS = 300.0  # for a command of bgctl


def name_of_its_own(stem: str) -> str:
    """A project's name that no other checkout on this machine has at the same time."""
    return f"{stem}-{uuid4().hex[:8]}"


def _toml(table: dict[str, Any]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())


@dataclass
class Project:
    """A project's directory, and the bgctl that is run in it.

    Most fields are settings of bgctl.toml with the same name.
    """

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
    check_timeout: str = (
        "3s"  # longer than the default: a busy machine must not look like a slot that is down
    )
    request_deadline: str = "15s"
    websocket_deadline: str = "60s"
    stop_grace: str = "5s"
    idle_timeout: str = "30m"
    deadline: str = "off"
    visitors: bool = True
    migrate: str = "never"
    migrate_idle: str = "10m"
    tls: bool = False  # whether it is reached by HTTPS: see `ca`
    listen: str | list[str] = ""  # "": the proxy's port on 127.0.0.1
    proxy_more: dict[str, Any] = field(default_factory=dict)  # more settings of [proxy]
    tls_more: dict[str, Any] = field(default_factory=dict)  # more settings of [tls]
    limits: dict[str, Any] = field(default_factory=dict)
    pin: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    frontend_more: dict[str, Any] = field(default_factory=dict)  # more settings of [services.frontend]
    tables_more: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # more tables, such as "neighbours.x"
    api_more: dict[str, Any] = field(default_factory=dict)  # more settings of [services.session-api]
    allow: tuple[str, ...] = ()
    mirror: int = 0
    store: str = ""  # BGCTL_STORE in the env file; "": not there

    def create(self) -> Self:
        """Writes bgctl.toml, the env file, and the compose file with the label of this run."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.tls:
            self.authority = certificates.make(self.directory)
        (self.directory / "bgctl.toml").write_text(CONFIG.format(self=self))
        (self.directory / ".env").write_text(ENVIRONMENT.format(self=self, IMAGES=IMAGES))
        compose = (ROOT / "compose" / "compose.yaml").read_text()
        (self.directory / "compose.yaml").write_text(labels.labelled(compose))
        return self

    def configure(self, **settings: Any) -> Self:
        """Changes settings in bgctl.toml. They are in force with the next `bgctl up`."""
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
    def toml_listen(self) -> str:
        return json.dumps(self.listen or f"127.0.0.1:{self.ports.proxy}")

    @property
    def toml_frontend(self) -> str:
        return _toml(self.frontend_more)

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
            "limits": self.limits,
            "pin": self.pin,
            "headers": self.headers,
            **self.tables_more,
        }
        return "".join(f"[{name}]\n{_toml(table)}\n" for name, table in tables.items() if table)

    @property
    def ca(self) -> Path | None:
        """The file of the certificate authority to trust; None: the project is reached by plain HTTP."""
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
        """Who is active where: the session API's active-sessions, asked with the admin key."""
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

    @property
    def program(self) -> Path:
        return BGCTL

    @property
    def environment(self) -> dict[str, str]:
        """Of bgctl, when it is run to its end."""
        return {**os.environ, "NO_COLOR": "1"}

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Starts bgctl and does not wait for it; `options` are Popen's."""
        return subprocess.Popen(
            [str(self.program), "--project", str(self.directory), *arguments],
            stdin=subprocess.DEVNULL,
            text=True,
            **options,
        )

    def bgctl(
        self, *arguments: str, code: int | None = 0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Runs bgctl to its end. Raises with its output if it does not exit with `code` (None: with any)."""
        done = subprocess.run(
            [str(self.program), "--project", str(self.directory), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            env=self.environment,
        )
        if code is not None and done.returncode != code:
            said = f"{done.stdout}{done.stderr}"
            raise AssertionError(f"bgctl {' '.join(arguments)}: exit {done.returncode}, not {code}\n{said}")
        return done

    def ask(self, *arguments: str, code: int | None = 0, stdin: str = "") -> Any:
        """The document that a command prints with --json."""
        return json.loads(self.bgctl(*arguments, "--json", code=code, stdin=stdin).stdout)

    def state(self) -> dict[str, Any]:
        """The document in state.json."""
        document: dict[str, Any] = json.loads((self.directory / "state" / "state.json").read_text())
        return document

    def proxy_status(self) -> dict[str, Any]:
        """The document of the proxy's control listener, /status."""
        document: dict[str, Any] = requests.get(f"{self.control_url}/status", timeout=ANSWER_SECONDS).json()
        return document

    def containers(self, service: str | None = None) -> list[str]:
        """The ids of this project's containers, of stopped ones too; of one service, if it is named."""
        filters = [f"label=com.docker.compose.project={self.name}"]
        filters += [f"label=com.docker.compose.service={service}"] if service else []
        listing = [word for value in filters for word in ("--filter", value)]
        return self.engine_says("ps", "--all", "--quiet", *listing).split()

    def error_log(self) -> list[str]:
        """The lines that the proxy has logged: after a good release, none."""
        ids = self.containers("proxy")
        if not ids:
            return []
        done = subprocess.run([self.engine, "logs", ids[0]], capture_output=True, text=True, check=True)
        return done.stderr.splitlines()

    def engine_says(self, *arguments: str) -> str:
        """Standard output of a command of the engine. Raises RuntimeError with what it says if it fails."""
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
