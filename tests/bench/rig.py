"""What is measured side by side: our proxy and others before the same app, each with one worker."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from testbed import certificates
from testbed.images.standins import CADDY, HAPROXY, NGINX
from testbed.labels import labels
from testbed.ports import Ports
from testbed.project import IMAGES, Project
from tests.bench import processes

HERE = Path(__file__).parent
PROXIES_CORE = 1  # of whatever is measured; the load has core 0
COOKIE = "sessionid"  # of the app's own
MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ ")  # the first line of a mapping in /proc/PID/smaps
WAIT = 15.0  # seconds until a container answers
# By name: the image, the folder in which it looks for its files, and these.
OTHERS = {
    "plain": ("", "/etc/bgctl", {"nginx.conf": "plain.conf"}),
    "haproxy": (HAPROXY, "/usr/local/etc/haproxy", {"haproxy.cfg": "haproxy.cfg"}),
    "njs": (NGINX, "/etc/nginx", {"nginx.conf": "njs.conf", "njs.js": "njs.js"}),
    "caddy": (CADDY, "/etc/caddy", {"Caddyfile": "Caddyfile"}),
}


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

    def __init__(self, folder: Path, project: Project, next: str) -> None:
        self._folder, self.project = folder, project
        self._made: list[str] = []
        self.secret = secrets.token_hex(32)  # of HS256
        taken, more = Ports.free(), Ports.free()
        self.ports = {"blue": project.ports.blue, "green": project.ports.green, "echo": more.api}
        self.ports |= {"plain": taken.proxy, "haproxy": taken.control, "njs": taken.blue}
        self.ports |= {"caddy": taken.green, "plain_tls": taken.tls, "haproxy_tls": taken.api}
        self.ports |= {"ours_tls": project.ports.tls, "twin": more.proxy, "twin_control": more.control}
        self.next = next  # the version that green would serve
        self.values = {**self.ports, "version": project.version, "next": next, "secret": self.secret}

    def start(self) -> dict[str, Subject]:
        """By name: `ours`, and those of OTHERS."""
        for service in ("frontend-blue", "frontend-green"):
            for container in self.project.containers(service):
                self.project.engine_says("rm", "--force", container)
        certificates.make(self.project.directory)
        backend = self.folder("backend", {"nginx.conf": "backend.conf"})
        self.run(self.proxy_image, f"--volume={backend}:/etc/bgctl:ro", core=0)
        ours = self.project.containers("proxy")[0]
        self.project.engine_says("update", f"--cpuset-cpus={PROXIES_CORE}", ours)
        subjects = {"ours": self.subject("ours", self.project.plain_url, ours)}
        for name, (image, target, files) in OTHERS.items():
            volume = f"--volume={self.folder(name, files)}:{target}:ro"
            container = self.run(image or self.proxy_image, volume)
            subjects[name] = self.subject(name, f"http://127.0.0.1:{self.ports[name]}", container)
        for subject in subjects.values():
            self.wait_for(subject)
        return subjects

    def serve_tls(self) -> None:
        """Ours by TLS as well, with the certificate that the others have."""
        file = self.project.directory / "bgctl.toml"
        lines = (
            "[tls]",
            f'certificate = "{certificates.CHAIN}"',
            f'key = "{certificates.KEY}"',
            f'listen = "127.0.0.1:{self.ports["ours_tls"]}"',
            "redirect = false",
            'hsts = "off"',
        )
        text = file.read_text().replace("secure_cookies = false", "secure_cookies = true")
        file.write_text(text.replace("[sessions]", "\n".join((*lines, "", "[sessions]")), 1))
        self.project.bgctl("reload")

    def tls_url(self, subject: Subject) -> str:
        return f"https://127.0.0.1:{self.ports[f'{subject.name}_tls']}/"

    def stop(self) -> None:
        for container in tuple(self._made):
            self.remove(container)

    def remove(self, container: str) -> None:
        """Removes one that `run` has started."""
        self.project.engine_says("rm", "--force", container)
        self._made.remove(container)

    @property
    def proxy_image(self) -> str:
        return f"localhost/{IMAGES}/proxy:dev"

    def folder(self, name: str, files: dict[str, str]) -> Path:
        """A new folder with these files of ours, filled in, and a certificate with its key."""
        folder = self._folder / name
        folder.mkdir(parents=True)
        for file, source in files.items():
            (folder / file).write_text((HERE / source).read_text() % self.values)
        pair = (self.project.directory / each for each in (certificates.CHAIN, certificates.KEY))
        (folder / "server.pem").write_bytes(b"".join(each.read_bytes() for each in pair))
        return folder

    def run(self, image: str, *options: str, core: int = PROXIES_CORE, command: Sequence[str] = ()) -> str:
        """Starts a container, which `stop` will remove."""
        options = (
            *("--detach", "--network=host", "--read-only", "--tmpfs=/tmp", f"--cpuset-cpus={core}"),
            "--env=GOMAXPROCS=1",
            *(f"--label={label}={value}" for label, value in labels().items()),
            *options,
        )
        container = self.project.engine_says("run", *options, image, *command).strip()
        self._made.append(container)
        return container

    def wait_for(self, subject: Subject) -> None:
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

    def subject(self, name: str, url: str, container: str) -> Subject:
        pid = self.project.engine_says("inspect", "--format", "{{.State.Pid}}", container)
        return Subject(name, f"{url}/", container, int(pid))
