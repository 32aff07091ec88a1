"""The network of a lab: a switch, and cables from it to the nodes and to this machine.

The switch is a bridge in a network namespace of its own, because what passes a bridge of this machine's own
passes the rules that its engine has for packets that are forwarded.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .site import Site

PREFIX = 24
OUTSIDE, FIRST_NODE = 1, 11  # the last number of an address: this machine's, and that of the first node


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace. No file names it: it is there for as long as this process has `fd`, or ends."""

    fd: int

    @property
    def path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def entering(self, *command: str) -> list[str]:
        return ["nsenter", f"--net={self.path}", "--", *command]

    def run(self, *command: str) -> None:
        _run(*self.entering(*command))


@contextmanager
def namespace() -> Iterator[Namespace]:
    """With its loopback up."""
    made = ["unshare", "--net", "sh", "-c", "ip link set lo up && echo made && read -r _"]
    with subprocess.Popen(made, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin and holder.stdout
        if not holder.stdout.readline():
            raise RuntimeError("cannot make a network namespace: it needs root, and `ip` (iproute2)")
        one = Namespace(os.open(f"/proc/{holder.pid}/ns/net", os.O_RDONLY))
        holder.stdin.close()
    try:
        yield one
    finally:
        os.close(one.fd)


@dataclass(frozen=True, slots=True)
class Cable:
    """What connects a node to the switch: `port` is the name of its end there, `node` has the other one."""

    port: str
    address: str
    switch: Namespace
    node: Namespace

    def cut(self) -> None:
        """From now on nothing passes, in either direction, and nobody is told."""
        self.switch.run("ip", "link", "set", self.port, "down")

    def mend(self) -> None:
        self.switch.run("ip", "link", "set", self.port, "up")


class Network:
    """`outside` is this machine's address in it, at which nodes find what is on none of them."""

    def __init__(self, site: Site, switch: Namespace) -> None:
        self._site, self._switch = site, switch
        self._plugged = 0
        self.outside = site.address(OUTSIDE)
        switch.run("ip", "link", "add", "switch", "type", "bridge")
        switch.run("ip", "link", "set", "switch", "up")
        self._connect("outside", ["ip", "link", "add", site.name, "type", "veth"])
        _run("ip", "address", "add", f"{self.outside}/{PREFIX}", "dev", site.name)
        _run("ip", "link", "set", site.name, "up")

    def plug(self, node: Namespace) -> Cable:
        """A cable to a node, which has the next address at its eth0."""
        address, port = self._site.address(FIRST_NODE + self._plugged), f"port{self._plugged}"
        self._plugged += 1
        self._connect(port, node.entering("ip", "link", "add", "eth0", "type", "veth"))
        node.run("ip", "address", "add", f"{address}/{PREFIX}", "dev", "eth0")
        node.run("ip", "link", "set", "eth0", "up")
        return Cable(port, address, self._switch, node)

    def _connect(self, port: str, making: list[str]) -> None:
        """Makes a veth whose other end is in the switch."""
        _run(*making, "peer", "name", port, "netns", self._switch.path)
        self._switch.run("ip", "link", "set", port, "master", "switch", "up")


@contextmanager
def network(site: Site) -> Iterator[Network]:
    """When the switch's namespace ends, so do all cables."""
    with namespace() as switch:
        yield Network(site, switch)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
