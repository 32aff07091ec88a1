"""What is measured side by side: our proxy, a plain nginx and HAProxy, each with one worker, and one app."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from testbed.images.standins import HAPROXY
from testbed.labels import labels
from testbed.ports import Ports
from testbed.project import IMAGES, Project
from tests.bench import processes

HERE = Path(__file__).parent
PROXIES_CORE = 1  # of whatever is measured; the load has core 0
COOKIE = "sessionid"  # of the app's own
MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ ")  # the first line of a mapping in /proc/PID/smaps
WAIT = 15.0  # seconds until a container answers


@dataclass
class Subject:
    """A proxy that is measured."""

    name: str
    url: str
    container: str
    pid: int  # of its master process

    def cpu(self) -> float:
        """Seconds that its processes have computed, user and system."""
        return sum(processes.cpu(process) for process in self.processes())

    def private_bytes(self) -> int:
        """Memory that its worker shares with nobody: nginx's shared memory is not among it."""
        total, is_private = 0, False
        for line in Path(f"/proc/{self.processes()[-1]}/smaps").read_text().splitlines():
            if MAPPING.match(line):
                is_private = line.split()[1].endswith("p")
            elif is_private and line.startswith("Private_"):
                total += int(line.split()[1]) << 10
        return total

    def processes(self) -> list[str]:
        return [str(self.pid), *processes.children(self.pid)]


class Rig:
    """All of it; the stack's own session API takes our proxy's reports meanwhile."""

    def __init__(self, folder: Path, project: Project) -> None:
        self._folder, self.project = folder, project
        self._made: list[str] = []
        self.secret = secrets.token_hex(32)  # of HS256
        taken = Ports.free()
        self.ports = {
            "blue": project.ports.blue,
            "green": project.ports.green,
            "plain": taken.proxy,
            "haproxy": taken.control,
        }

    def start(self) -> dict[str, Subject]:
        """By name: `ours`, `plain`, `haproxy`."""
        for service in ("frontend-blue", "frontend-green"):
            for container in self.project.containers(service):
                self.project.engine_says("rm", "--force", container)
        values = {**self.ports, "version": self.project.version, "secret": self.secret}
        proxy = f"localhost/{IMAGES}/proxy:dev"
        self._run("backend", proxy, "nginx.conf", (HERE / "backend.conf").read_text() % values, 0)
        plain = self._run("plain", proxy, "nginx.conf", (HERE / "plain.conf").read_text() % values)
        haproxy = self._run("haproxy", HAPROXY, "haproxy.cfg", (HERE / "haproxy.cfg").read_text() % values)
        ours = self.project.containers("proxy")[0]
        self.project.engine_says("update", f"--cpuset-cpus={PROXIES_CORE}", ours)
        subjects = {
            "ours": self._subject("ours", self.project.url, ours),
            "plain": self._subject("plain", f"http://127.0.0.1:{self.ports['plain']}", plain),
            "haproxy": self._subject("haproxy", f"http://127.0.0.1:{self.ports['haproxy']}", haproxy),
        }
        for subject in subjects.values():
            self._wait_for(subject)
        return subjects

    def stop(self) -> None:
        for container in self._made:
            self.project.engine_says("rm", "--force", container)

    def _run(self, name: str, image: str, file: str, text: str, core: int = PROXIES_CORE) -> str:
        folder = self._folder / name
        folder.mkdir(parents=True)
        (folder / file).write_text(text)
        target = "/etc/bgctl" if file == "nginx.conf" else "/usr/local/etc/haproxy"
        options = [
            *("--detach", "--network=host", "--read-only", "--tmpfs=/tmp", f"--cpuset-cpus={core}"),
            f"--volume={folder}:{target}:ro",
            *(f"--label={label}={value}" for label, value in labels().items()),
        ]
        container = self.project.engine_says("run", *options, image).strip()
        self._made.append(container)
        return container

    def _wait_for(self, subject: Subject) -> None:
        """Until it answers anything: HAProxy refuses whoever has no token."""
        end = time.monotonic() + WAIT
        while True:
            try:
                requests.get(subject.url, timeout=1)
            except requests.RequestException as error:
                if time.monotonic() > end:
                    said = self.project.engine_says("logs", "--tail=20", subject.container)
                    raise RuntimeError(f"{subject.name} does not answer: {said}") from error
                time.sleep(0.05)
            else:
                return

    def _subject(self, name: str, url: str, container: str) -> Subject:
        pid = self.project.engine_says("inspect", "--format", "{{.State.Pid}}", container)
        return Subject(name, f"{url}/", container, int(pid))
