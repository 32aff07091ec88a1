"""The registry of a lab, from which its nodes pull: Debian's docker-registry, by plain HTTP.

It runs on this machine, so that it is there whatever becomes of the nodes. It listens twice: engines trust
plain HTTP on loopback, which is where this machine's pushes to; nodes are told to trust the lab's network.
What was pushed is kept for the next lab, because to compress it takes longer than all else.
"""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import requests

from testbed.ports import Ports

from .node import Node
from .site import LABS
from .waiting import eventually

PORT = 5000
KEPT = LABS / "registry"
CONFIG = """\
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: "{KEPT}"}}}}
http: {{addr: "{host}", secret: "of this lab"}}
"""


class Registry:
    """`host` is its address for the nodes, with which the names of its images begin."""

    def __init__(self, host: str, loopback: str) -> None:
        self.host, self._loopback = host, loopback

    def name(self, image: str) -> str:
        """What nodes call an image of this machine's engine, such as "localhost/bgctl/proxy:dev"."""
        return f"{self.host}/{image.removeprefix('localhost/')}"

    def push(self, images: Collection[str]) -> list[str]:
        """Takes images from this machine's engine; returns what nodes call them."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(self._push, images))
        return [self.name(image) for image in images]

    def _push(self, image: str) -> None:
        here = f"{self._loopback}/{image.removeprefix('localhost/')}"
        _docker("tag", image, here)
        try:
            _docker("push", "--quiet", here)
        finally:
            _docker("rmi", here)


def pull(nodes: Collection[Node], images: Collection[str]) -> None:
    """Each image to each node."""
    jobs = [(node, image) for image in images for node in nodes]
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda job: job[0].docker("pull", "--quiet", job[1]), jobs))


@contextmanager
def registry(folder: Path, outside: str) -> Iterator[Registry]:
    """One whose logs are in `folder`; `outside` is this machine's address in the lab."""
    hosts = f"{outside}:{PORT}", f"127.0.0.1:{Ports.free().proxy}"
    with ExitStack() as last:
        for name, host in zip(("nodes", "pushes"), hosts, strict=True):
            last.enter_context(_listening(folder, name, host))
        yield Registry(*hosts)


@contextmanager
def _listening(folder: Path, name: str, host: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    configuration, log = folder / f"{name}.yml", folder / f"{name}.log"
    configuration.write_text(CONFIG.format(KEPT=KEPT, host=host))
    command = ["setpriv", "--pdeathsig", "TERM", "docker-registry", "serve", str(configuration)]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            answers = partial(requests.get, f"http://{host}/v2/", timeout=5)
            eventually(answers, f"the registry answers, see {log}", unless=(requests.ConnectionError,))
            yield
        finally:
            process.terminate()


def _docker(*arguments: str) -> None:
    command = ["docker", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        hint = "\nnext: setup/images docker" if "No such image" in done.stderr else ""
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}{hint}")
