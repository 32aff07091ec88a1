"""An ordinary project, taken from plain compose to its third version as its people would do it.

tests/cases/projects has it as it was, tests/cases/walks the files of its further versions. Nothing of it is
edited for bgctl: `bgctl init` writes what is needed. docs/adopt.md tells it in words.
"""

from __future__ import annotations

import fcntl
import itertools
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import requests

from testbed.labels import labelled
from testbed.ports import Ports
from testbed.project import IMAGES, ROOT, name_of_its_own
from tests.e2e.support.stacks import Stack, eventually
from tests.e2e.support.walkers import Crowd
from tests.e2e.support.wheels import BIN, Installed

CASES = ROOT / "tests" / "cases"
COMPOSE_FILE = "docker-compose.yml"
IDLE = "3s"  # a drain does not wait for whoever has been silent for longer
USERS = 6
BUILD_SECONDS = 180.0
NETWORK = "\nnetworks:\n  default: {}\n"  # compose makes it anyway; named, it carries the label of this run
CHECKOUT = f"""
# the images of this checkout
BGCTL_PROXY_IMAGE=localhost/{IMAGES}/proxy:dev
BGCTL_SESSION_API_IMAGE=localhost/{IMAGES}/session-api:dev
"""


class Walk(Stack):
    """`kind`: the project's name among the cases. `public`: where people come, before bgctl and with it.

    `installed` is bgctl from its wheel; None: that of the checkout.
    """

    cases = "projects"  # the folder below tests/cases where it is
    kind: str
    public: int
    plain: bytes  # the compose file, as it was before bgctl came
    installed: Installed | None = None

    @classmethod
    def of(cls, folder: Path, kind: str, public: int, engine: str) -> Self:
        """The project's folder as its people have it, before anything of bgctl."""
        name = name_of_its_own(kind)
        ports = Ports(proxy=public, blue=public + 1, green=public + 2, api=public + 3, control=public + 4)
        walk = cls(folder / name, name, engine, ports=ports)
        walk.kind, walk.public = kind, public
        shutil.copytree(CASES / cls.cases / kind, walk.directory)
        plain = walk.directory / COMPOSE_FILE
        plain.write_text(labelled(plain.read_text() + NETWORK))
        walk.plain = plain.read_bytes()
        return walk

    @property
    def program(self) -> Path:
        return self.installed.program if self.installed else super().program

    @property
    def environment(self) -> dict[str, str]:
        return self.installed.environment if self.installed else super().environment

    def compose(self, *arguments: str) -> str:
        """Plain compose, in the project's folder, as its people use it."""
        if self.engine == "podman":
            command = [str(BIN / "podman-compose")]
        else:
            command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        done = subprocess.run(
            [*command, *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
        )
        assert done.returncode == 0, f"compose {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def answers(self, path: str, **headers: str) -> bool:
        try:
            return requests.get(self.url + path, headers=headers, timeout=5, allow_redirects=False).ok
        except requests.ConnectionError:
            return False

    def init(self, version: str, *options: str) -> None:
        """`bgctl init`, while the app runs, as its people type it."""
        listen = ("--listen", f"127.0.0.1:{self.public}")
        said = self.bgctl("init", "--engine", self.engine, "--version", version, *listen, *options)
        assert "next: bgctl adopt" in said.stdout + said.stderr
        with (self.directory / ".env").open("a") as env:
            env.write(CHECKOUT)
        self._take_own_ports()

    def adopt(self, version: str, *options: str) -> None:
        """As `init`; then what is to become blue stops, for `bgctl up` to start it."""
        self.init(version, *options)
        services = tomllib.loads((self.directory / "bgctl.toml").read_text())["services"]
        self.compose("stop", *[name for name, each in services.items() if "address" not in each])

    def _take_own_ports(self) -> None:
        """Ports of this run, for those that `init` has found free may be found by another run as well."""
        path, free = self.directory / "bgctl.toml", itertools.count(self.ports.control + 1)
        api, control = (f"127.0.0.1:{port}" for port in (self.ports.api, self.ports.control))
        text = re.sub(
            r'(?m)^(blue|green) = "127\.0\.0\.1:\d+"',
            lambda found: f'{found[1]} = "127.0.0.1:{next(free)}"',
            path.read_text(),
        )
        text = re.sub(r'(?m)^address = "127\.0\.0\.1:\d+"', f'address = "{api}"', text)
        if "[sessions]" not in text:
            text += f'\n[sessions]\naddress = "{api}"\n'
        elif "address" not in tomllib.loads(text)["sessions"]:
            text = text.replace("[sessions]", f'[sessions]\naddress = "{api}"')
        text = re.sub(r"(?m)^control = .*\n", "", text)
        path.write_text(text.replace("[proxy]", f'[proxy]\ncontrol = "{control}"'))

    def edit(self, file: str, old: str, new: str) -> None:
        """A line of the app, as its developer changes it."""
        path = self.directory / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old} in {file}"
        path.write_text(text.replace(old, new))

    def develop(self, version: str) -> None:
        """The files of the app's next version."""
        shutil.copytree(
            CASES / "walks" / self.kind / "releases" / version, self.directory, dirs_exist_ok=True
        )

    def inspect(self, service: str) -> dict[str, Any]:
        """The service's container, in the engine's words."""
        attributes: dict[str, Any] = self.container(service).attrs
        return attributes

    def stores(self) -> list[str]:
        """The containers of what keeps the project's data."""
        return [*self.containers("redis"), *self.containers("db")]

    def switched(self) -> bool:
        """Whether new sessions get the candidate, from every worker of the proxy."""
        state = self.state()
        applied = {worker["generation"] for worker in self.proxy_status()["workers"]}
        return state["phase"] == "draining" and applied == {state["generation"]}

    def release(
        self, crowd: Crowd, old: str, new: str, checks: Callable[[], None] | None = None, scope: str = ""
    ) -> None:
        """`bgctl deploy`, unattended, while people come and go; the last of the old version leave in time.

        `scope`: the services that change, such as "web,api"; "": all.
        """
        regulars, stores = crowd.on(old), self.stores()
        crowd.released(old, new)
        options = ("--auto", "--idle-timeout", IDLE, *(["--services", scope] if scope else []))
        deploy = self.start("deploy", new, *options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            eventually(lambda: self.switched() or deploy.poll() is not None, "switched", BUILD_SECONDS)
            if deploy.poll() is None:
                if checks:
                    checks()
                crowd.come(USERS // 2, new)
                assert set(regulars) == set(crowd.on(old)), "whoever was there is where they were"
                crowd.change_guard(old, new)
                crowd.released(new)
            said, _ = deploy.communicate(timeout=BUILD_SECONDS)
        finally:
            deploy.kill()
        assert deploy.returncode == 0, said
        assert self.stores() == stores, "what both versions use is left alone, whatever is new in .env"

    def remove(self) -> None:
        """Whatever of this walk is there, its volumes and images too; their layers stay, for the next one."""
        super().remove()
        label = f"label=com.docker.compose.project={self.name}"
        for volume in self.engine_says("volume", "ls", "--quiet", "--filter", label).split():
            self.engine_says("volume", "rm", volume)
        listed = self.engine_says("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        mine = [name for name in listed if name.startswith(self.name)]
        if mine:
            self.engine_says("rmi", "--no-prune", *mine)


@contextmanager
def walking(
    folder: Path, kind: str, public: int, engine: str = "docker", installed: Installed | None = None
) -> Iterator[Walk]:
    """One at a time on a machine: the project's own compose file names its containers and ports."""
    import docker

    with (Path(tempfile.gettempdir()) / f"bgctl-walk-{kind}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        walk = Walk.of(folder, kind, public, engine)
        walk.installed = installed
        if engine == "docker":
            walk.client = docker.from_env()
        try:
            yield walk
            walk.assert_clean_log()
            assert (walk.directory / COMPOSE_FILE).read_bytes() == walk.plain, "nobody has touched it"
        finally:
            walk.remove()


def finish(walk: Walk, crowd: Crowd, version: str) -> None:
    """What holds after the last release, whatever the project."""
    tally = crowd.tally()
    counts = f"failed={tally.failed} flipped={tally.flipped} requests={tally.requests}"
    print(f"walk: {walk.kind} {counts} seconds={tally.seconds:.0f}")
    assert (tally.failed, tally.flipped) == (0, 0), tally
    status = walk.ask("status")
    assert (status["phase"], status["slots"]["blue"]["version"]) == ("rest", version)
    assert status["differences"] == [], "nobody has changed a setting"
