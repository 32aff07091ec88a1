"""The stage of the demo's story: what the teller does and says while the load runs, and what it waits for."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from testbed.load import Ledger, LoadProcess, Tally
from testbed.project import Project

# A pin is renewed when half of its life is over. A user who holds a WebSocket makes no other request for
# 12 s, and the regulars pause for as long as a drain needs to see that they are idle: both must fit into the
# other half.
PIN_IDLE = 36  # seconds
REGULARS = 20  # of each kind: bearer tokens, silent browsers, visitors
POLL = 0.2
CRON = 1.0  # seconds between two looks of an unattended drain; cron's would be a minute
PATIENCE = 120.0  # seconds until something that must happen has happened
NOT_YET = 5


class StoryError(RuntimeError):
    """The story did not go as it should."""


class Stage:
    """Acts with bgctl on `project`, talks on `console`, watches `load`. `served`: the version at first."""

    def __init__(self, project: Project, load: LoadProcess, console: Console, served: str) -> None:
        self.project, self.load, self.console = project, load, console
        self.ledger = Ledger()
        self._switched = 0.0
        self._told = {served}

    def switch(self) -> None:
        """New sessions get green, in every worker when this returns."""
        self.bgctl("route", "enable-green")
        self.settle()
        self._switched = time.monotonic()

    def serve(self, *versions: str) -> None:
        """Tell the load which versions are served from now on, before that is so."""
        self._told = set(versions)
        self.load.set_served(self._told)

    def settle(self) -> None:
        """Tell the load that it is so in every worker. Raises StoryError if state.json says otherwise."""
        self.load.settle()
        slots = self.project.state()["slots"].values()
        if (served := {slot["version"] for slot in slots if slot["state"] != "maint"}) != self._told:
            raise StoryError(f"{sorted(served)} are served, and not {sorted(self._told)}")

    def call_silent(self, version: str) -> None:
        """Let the regulars come back that have been silent for longer than a pin lives."""
        with self.console.status("  waiting: a silence that outlasts every pin"):
            self.load.call_silent()
        tally = self.load.snapshot()
        self.remark(
            f"after {PIN_IDLE} s of silence {REGULARS} come back to {version}: "
            f"{tally.kept} of {tally.regulars} kept so far"
        )

    @contextmanager
    def falling_silent(self, version: str) -> Iterator[None]:
        """When all other users have left `version`, its regulars pause until it is being promoted.

        Whoever comes is waited for: a script that asks every second would hold a drain up for ever.
        """
        over = threading.Event()

        def watch() -> None:
            while self.load.snapshot().sessions.get(version) and not over.wait(POLL):
                pass
            self.load.hush()
            while self.project.state()["phase"] == "draining" and not over.wait(POLL):
                pass
            self.load.resume()

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def drain_unattended(self) -> None:
        """Do what cron does. Raises StoryError if that never promotes, or goes wrong."""
        end = time.monotonic() + PATIENCE
        self.read_ledgers()
        while (code := self.run_bgctl("drain", "--auto")) == NOT_YET:
            self.read_ledgers()
            if time.monotonic() > end:
                raise StoryError(f"nothing was promoted in {PATIENCE:g} s")
            time.sleep(CRON)
        if code:
            raise StoryError(f"bgctl drain --auto: exit {code}")

    def read_ledgers(self) -> None:
        """Ask both slots which POSTs they have seen: one of them is about to end, and its counts with it."""
        ports = self.project.ports
        for slot, port in (("blue", ports.blue), ("green", ports.green)):
            self.ledger.read(f"http://127.0.0.1:{port}", slot)

    def wait_until_nobody_is_on(self, version: str) -> None:
        """Whether no session, and no page that is open in a tab, is on that version."""
        self.wait(
            f"nobody left on {version}",
            lambda tally: not tally.sessions.get(version, 0) and not tally.pages.get(version, 0),
        )

    def chapter(self, title: str) -> None:
        self.console.print(f"\n[bold]{title}[/bold]")

    def remark(self, text: str) -> None:
        self.console.print(f"  {text}", style="italic", markup=False, highlight=False)

    def bgctl(self, *arguments: str, code: int = 0) -> None:
        """Runs bgctl to its end. Raises StoryError when it exits otherwise than with `code`."""
        if (exited := self.run_bgctl(*arguments)) != code:
            raise StoryError(f"bgctl {' '.join(arguments)}: exit {exited}, not {code}")

    def run_bgctl(self, *arguments: str) -> int:
        """Runs bgctl and shows what it says, as it says it. Returns its exit code."""
        self.console.print(f"  [cyan]$ bgctl {' '.join(arguments)}[/cyan]")
        with self.project.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            assert process.stdout is not None
            for line in process.stdout:
                self.console.print(f"    {line.rstrip()}", markup=False, highlight=False)
        return process.returncode

    def wait(self, what: str, reached: Callable[[Tally], bool]) -> None:
        """Looks at the load until `reached` says that it is so. Raises StoryError when it never is."""
        end = time.monotonic() + PATIENCE
        with self.console.status(f"  waiting: {what}"):
            while not reached(tally := self.load.snapshot()):
                if time.monotonic() > end:
                    raise StoryError(f"waited {PATIENCE:g} s in vain: {what}; {tally}")
                time.sleep(POLL)

    def say(self) -> None:
        """One line on how the load is doing."""
        tally = self.load.snapshot()
        where = ", ".join(f"{version}: {count}" for version, count in sorted(tally.sessions.items()))
        self.console.print(
            f"  [green]load[/green] {tally.requests:,} requests, {tally.failed} failed, "
            f"{tally.flipped} flipped, {tally.migrated} migrated, {tally.kept}/{tally.regulars} kept\n"
            f"       sessions on {where}",
            highlight=False,
        )
