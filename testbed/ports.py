"""The ports on 127.0.0.1 that a project takes for itself."""

from __future__ import annotations

import random
import socket
from dataclasses import astuple, dataclass, fields
from typing import Self

# The system's: tests in several processes draw from the same seed, and would draw the same ports.
RANDOM = random.SystemRandom()
PORTS = range(20000, 30000)  # below the ports that the kernel gives to outgoing connections
GIVEN = set[int]()  # by this process: nothing listens there before its project is up


@dataclass(frozen=True, slots=True)
class Ports:
    """The port of each listener of one project."""

    proxy: int = 8080
    control: int = 9180
    blue: int = 8081
    green: int = 8083
    api: int = 8090
    tls: int = 8443

    @classmethod
    def free(cls, replicas: int = 1) -> Self:
        """Ports that are free now, each with free ones after it for so many replicas; none is given twice."""
        rows = [range(first, first + replicas) for first in RANDOM.sample(PORTS[::replicas], 400)]
        free = [row for row in rows if GIVEN.isdisjoint(row) and all(map(_is_free, row))][: len(fields(cls))]
        GIVEN.update(port for row in free for port in row)
        return cls(*[row.start for row in free])

    def all_free(self) -> bool:
        return all(map(_is_free, astuple(self)))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
