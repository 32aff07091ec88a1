"""A node: a Docker host in namespaces of its own, which can be stopped, killed, cut off and brought back.

Its first process is the first one of a process namespace: when that is killed, the kernel ends all others at
once, those in containers too. That is a machine that loses its power. Mounts end with its last process; what
stays is the folder, which is its disk, and the network namespace, which is its network card.

To Docker it is a machine with the usual paths: /var/lib/docker, /etc/docker, /run and /srv are its own, all
other files are this machine's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from .network import Cable, Network, namespace
from .site import Site

START_SECONDS, STOP_SECONDS, COMMAND_SECONDS = 60.0, 60.0, 120.0
BOOT = """\
set -e
folder=$1
hostname "$2"
umount --recursive --lazy /var/lib/docker /run/docker 2>/dev/null || :  # what this machine's engine has there
mount --bind "$folder/docker" /var/lib/docker
mkdir -p /etc/docker
mount --bind "$folder/etc" /etc/docker
mount --bind "$folder/srv" /srv
mount -t tmpfs -o mode=755 tmpfs /run
exec docker-init -- dockerd
"""


class NodeError(RuntimeError):
    """A node did not do what it was told; the text says what it said."""


class Node:
    """`host` is where its engine listens, for `docker -H`; on the node itself that is docker's default.

    To be started, and killed, by the thread that goes on for as long as the node does: see `_power_on`.
    """

    def __init__(self, name: str, site: Site, cable: Cable) -> None:
        self.name, self.cable, self.address = name, cable, cable.address
        self.folder = site.folder / name
        self.host = f"unix://{self.folder / 'docker.sock'}"
        self._process: subprocess.Popen[bytes] | None = None
        for part in ("docker", "etc", "srv"):
            (self.folder / part).mkdir(parents=True)
        (self.folder / "etc" / "daemon.json").write_text(json.dumps(_settings(self, site)))

    def __repr__(self) -> str:
        return f"Node({self.name}, {self.address})"

    # Power

    def start(self) -> None:
        """Switches it on; `wait` waits until its engine answers. So several can start at the same time."""
        if self._process is not None:
            raise NodeError(f"{self.name} is on already")
        (self.folder / "docker.sock").unlink(missing_ok=True)
        self._process = self._power_on()

    def wait(self) -> None:
        """Until the engine answers. Raises NodeError with the end of its log if it does not."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.is_on:
            with suppress(NodeError):
                self.docker("version")
                return
            time.sleep(0.05)
        raise NodeError(f"the engine of {self.name} does not answer\n{self.log[-2000:]}")

    def back(self) -> None:
        """On again after `stop` or `kill`, with the disk as it was left."""
        self.start()
        self.wait()

    def stop(self) -> None:
        """As it is shut down in good order: the engine stops its containers, and leaves."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As it loses its power."""
        self._end(signal.SIGKILL)

    @property
    def is_on(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What the engine has said."""
        return (self.folder / "dockerd.log").read_text(errors="replace")

    # Its network, and its time

    def cut(self) -> None:
        """As its network cable is pulled."""
        self.cable.cut()

    def mend(self) -> None:
        self.cable.mend()

    def pause(self) -> None:
        """As it hangs: all processes stand still, and their connections stay open."""
        self._signal_all("STOP")

    def resume(self) -> None:
        self._signal_all("CONT")

    # What runs on it

    def docker(self, *arguments: str, stdin: str = "", patience: float = COMMAND_SECONDS) -> str:
        """What docker on this node's engine prints.

        Raises NodeError with what it says if it fails, or if there is no answer within `patience` seconds.
        """
        return self._done(["docker", "-H", self.host, *arguments], stdin, patience)

    def run(self, *command: str, stdin: str = "") -> str:
        """What a command on this node prints. Raises NodeError with what it says if it fails."""
        return self._done(self.entering(*command), stdin, COMMAND_SECONDS)

    def entering(self, *command: str) -> list[str]:
        """The command line that runs `command` on this node, from this machine, in the folder one is in."""
        where = [f"--target={self._first_process()}", "--net", "--uts", "--mount", "--pid"]
        return ["nsenter", *where, "--", "env", f"--chdir={Path.cwd()}", *command]

    def _done(self, command: Sequence[str], stdin: str, patience: float) -> str:
        said = f"{self.name}: {' '.join(command)}"
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=patience)
        except subprocess.TimeoutExpired:
            raise NodeError(f"{said}: no answer within {patience:g} s") from None
        if done.returncode:
            raise NodeError(f"{said}: exit {done.returncode}: {done.stderr}{done.stdout}".strip())
        return done.stdout

    # Processes

    def _power_on(self) -> subprocess.Popen[bytes]:
        """Starts the first process; it is killed when the thread ends that has started it."""
        here = ["setpriv", "--pdeathsig", "KILL", "--", "nsenter", f"--net={self.cable.node.path}", "--"]
        own = ["unshare", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
        boot = ["sh", "-c", BOOT, "boot", str(self.folder), self.name]
        with (self.folder / "dockerd.log").open("ab") as log:
            return subprocess.Popen(
                [*here, *own, *boot],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the lab, which then takes its nodes down
            )

    def _first_process(self) -> int:
        """The id, on this machine, of the process that is 1 on the node."""
        if self._process is None:
            raise NodeError(f"{self.name} is off")
        outer = self._process.pid
        try:
            return int(Path(f"/proc/{outer}/task/{outer}/children").read_text())
        except (OSError, ValueError):
            raise NodeError(f"{self.name} is going down, or has not come up\n{self.log[-2000:]}") from None

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self.is_on:
            os.kill(self._first_process(), how)
        self._process.wait(STOP_SECONDS)
        self._process = None

    def _signal_all(self, name: str) -> None:
        """To every process of the node but its first, which has nothing to do but to wait for the engine."""
        self.run("sh", "-c", f"kill -s {name} -- -1")


def _settings(node: Node, site: Site) -> dict[str, Any]:
    """daemon.json. The cgroups of containers are found by their names when the node was killed."""
    return {
        "hosts": [node.host, "unix:///run/docker.sock"],
        "insecure-registries": [site.subnet],
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "cgroup-parent": f"/{site.name}/{node.name}",
        "storage-driver": "overlay2",
    }


@contextmanager
def running(site: Site, network: Network, names: Iterable[str]) -> Iterator[list[Node]]:
    """Nodes that are on, and whose engines answer; all are killed at the end."""
    with ExitStack() as last:
        nodes = [Node(name, site, network.plug(last.enter_context(namespace()))) for name in names]
        for node in nodes:
            last.callback(node.kill)
            node.start()
        for node in nodes:
            node.wait()
        yield nodes
