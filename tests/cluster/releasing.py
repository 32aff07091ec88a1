"""A release of the lab's project that is watched line by line, so that something can happen in its middle."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from testbed.cluster.waiting import eventually
from tests.cluster.shop import SECONDS, Shop

AGAIN = 5.0  # seconds
SWITCHED = re.compile(r"every worker after (\d+) ms")


class Release:
    """`bgctl deploy VERSION --yes`, while it runs. `said` is all that it has printed so far."""

    def __init__(self, shop: Shop, version: str) -> None:
        self.said = ""
        self._process = subprocess.Popen(
            shop.line("deploy", version, "--yes"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as lines:
            for line in lines:
                self.said += line

    def after(self, step: str, do: Callable[[], object]) -> Self:
        """Does it as soon as this step is over, or the release has ended before that."""
        line = re.compile(rf"(?m)^ *ok {re.escape(step)} ")
        eventually(lambda: line.search(self.said) or self.is_over, f"{step} is over", within=SECONDS)
        do()
        return self

    @property
    def is_over(self) -> bool:
        return self._process.poll() is not None

    def wait_while(self, again: Callable[[], object]) -> int:
        """The exit code, as `wait`; `again` is done now, and then every few seconds."""
        while not self.is_over:
            again()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(AGAIN)
        return self.wait()

    def wait(self) -> int:
        """The exit code."""
        code = self._process.wait(SECONDS)
        self._reader.join()
        return code

    @property
    def switches(self) -> list[int]:
        """Milliseconds until every worker of every node had a new state, for each switch that it made."""
        return [int(found) for found in SWITCHED.findall(self.said)]
