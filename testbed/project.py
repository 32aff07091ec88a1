"""A project as an operator has one, with the demo app in it: for `make demo` and for the tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import requests

from testbed import certificates, labels
from testbed.settings import Settings
from testbed.texts import CONFIG, ENVIRONMENT

ROOT = Path(__file__).resolve().parents[1]
BGCTL = Path(sys.executable).parent / "bgctl"
IMAGES = os.environ.get("BGCTL_IMAGES", "bgctl")  # the middle part of the images' names: see setup/images
ANSWER_SECONDS = 5.0  # for an answer by HTTP
COMMAND_SECONDS = 300.0  # for a command of bgctl


def name_of_its_own(stem: str) -> str:
    """A project's name that no other checkout on this machine has at the same time."""
    return f"{stem}-{uuid4().hex[:8]}"


@dataclass
class Project(Settings):
    """A project's directory, and the bgctl that is run in it."""

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
    def ca(self) -> Path | None:
        """The file of the certificate authority to trust; None: the project is reached by plain HTTP."""
        return self.directory / certificates.AUTHORITY if self.tls else None

    @property
    def plain_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.proxy}"

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
