"""Projects of tests/cases/projects with a bgctl.toml of their own: one service, web, which becomes a pair."""

from __future__ import annotations

import shutil
from typing import Self

from testbed.labels import labelled
from testbed.project import IMAGES, ROOT
from tests.e2e.support.stacks import Stack

CONFIG = """\
[project]
name = "{self.name}"
engine = "docker"
[proxy]
listen = "127.0.0.1:{self.ports.proxy}"
control = "127.0.0.1:{self.ports.control}"
secure_cookies = false
[sessions]
address = "127.0.0.1:{self.ports.api}"
idle_timeout = "{self.idle_timeout}"
[health]
interval = "100ms"
check = "500ms"
[services.web]
routes = ["/"]
blue = "127.0.0.1:{self.ports.blue}"
green = "127.0.0.1:{self.ports.green}"
{self.own}
[services.session-api]
address = "127.0.0.1:{self.ports.api}"
health = "/readyz"
"""
ENV = """\
CURRENT_VERSION=1
VERSION=1
BGCTL_PROXY_IMAGE=localhost/{images}/proxy:dev
BGCTL_SESSION_API_IMAGE=localhost/{images}/session-api:dev
"""


class Case(Stack):
    """Its release is in release.txt, of which each image has a copy. `own` are settings of [services.web]."""

    kind = ""
    own = ""

    def create(self) -> Self:
        shutil.copytree(ROOT / "tests" / "cases" / "projects" / self.kind, self.directory)
        compose = self.directory / "docker-compose.yml"
        compose.write_text(labelled(compose.read_text() + "\nnetworks:\n  default: {}\n"))
        (self.directory / "bgctl.toml").write_text(CONFIG.format(self=self))
        (self.directory / ".env").write_text(ENV.format(images=IMAGES))
        return self

    def develop(self, version: str) -> None:
        """The app's next version, with its image."""
        (self.directory / "release.txt").write_text(f"{version}\n")
        self.engine_says("build", "--quiet", "--tag", f"{self.name}-web:{version}", str(self.directory))

    def remove(self) -> None:
        super().remove()
        listed = self.engine_says("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        if mine := [name for name in listed if name.startswith(self.name)]:
            self.engine_says("rmi", "--no-prune", *mine)
