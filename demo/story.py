"""The demo's story: a release under load until it is promoted, and a second one that is taken back."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from rich.console import Console

from .load import LoadProcess, Tally
from .project import Project

OLD, NEW, NEXT = "1.6.7", "1.6.8", "1.6.9"
RATE = 420.0  # requests a second
COOKIE_USERS, BEARER_USERS, VISITORS, SOCKETS = 60, 20, 40, 50
NEWCOMERS = 20
REQUESTS = 20_000
POLL = 0.2
GONE = ("--idle-timeout", "5s")  # visitors do not log out: who has done nothing for so long has left
PATIENCE = 120.0  # seconds until something that must happen has happened


class StoryError(RuntimeError):
    """The story did not go as it should."""


class Story:
    """Tells the release on `console` while `load` runs against `project`."""

    def __init__(self, project: Project, load: LoadProcess, console: Console) -> None:
        self.project, self.load, self.console = project, load, console

    def tell(self) -> Tally:
        """The whole story, at least `REQUESTS` requests long. Returns the final tally."""
        self.crowd_on_old()
        self.release_new()
        self.empty_old()
        self.promote_new()
        self.roll_next_back()
        self.wait("the last of the requests", lambda tally: tally.requests >= REQUESTS)
        return self.load.stop()

    def crowd_on_old(self) -> None:
        """Everyone is on the old version, with every WebSocket open."""
        self.chapter(f"People are using {OLD}")
        self.load.spawn("cookie", COOKIE_USERS)
        self.load.spawn("bearer", BEARER_USERS)
        self.load.spawn("anonymous", VISITORS)
        self.load.spawn("websocket", SOCKETS)
        crowd = COOKIE_USERS + BEARER_USERS + VISITORS + SOCKETS
        self.wait(
            f"all {crowd} on {OLD}",
            lambda tally: tally.sessions.get(OLD, 0) == crowd and tally.websockets_opened >= SOCKETS,
        )
        self.say()

    def release_new(self) -> None:
        """Green starts, is proven, and takes new sessions; whoever is on blue stays there."""
        self.chapter(f"{NEW} starts beside it, and is proven before anyone is sent there")
        self.bgctl("up-green", NEW)
        self.chapter(f"New sessions go to {NEW}; every session on {OLD} stays")
        self.load.set_served({OLD, NEW})
        self.bgctl("route", "enable-green")
        before = self.load.snapshot().sessions.get(OLD, 0)
        self.load.spawn("cookie", NEWCOMERS)
        self.wait(f"{NEWCOMERS} newcomers on {NEW}", lambda tally: tally.sessions.get(NEW, 0) >= NEWCOMERS)
        after = self.load.snapshot().sessions.get(OLD, 0)
        if after != before:
            raise StoryError(f"{before - after} sessions left {OLD} by themselves")
        self.say()
        self.bgctl("sessions")

    def empty_old(self) -> None:
        """The old version is not retired before its last session has ended."""
        self.chapter(f"{OLD} is drained: it is stopped when it is empty, not before")
        self.bgctl("drain", "--timeout", "1s", code=5)
        self.load.log_out(version=OLD, limit=COOKIE_USERS // 2)
        self.say()
        self.bgctl("drain", "--timeout", "1s", code=5)
        self.load.log_out(version=OLD)
        self.load.log_out(version=OLD, visitors=True)
        self.wait(f"nobody left on {OLD}", lambda tally: tally.sessions.get(OLD, 0) == 0)
        self.say()
        self.bgctl("drain", *GONE, "--timeout", "60s")

    def promote_new(self) -> None:
        """Blue comes back on the new version and takes over; green goes."""
        self.chapter(f"{NEW} is promoted: blue comes back on it and takes over without a sound")
        self.load.set_served({NEW})
        self.bgctl("promote", *GONE)
        self.say()

    def roll_next_back(self) -> None:
        """A second release, taken back while people are on it."""
        self.chapter(f"A second release, {NEXT}: a third of the newcomers at first")
        self.bgctl("up-green", NEXT)
        self.load.set_served({NEW, NEXT})
        self.bgctl("route", "canary", "30")
        self.load.log_out(version=NEW, limit=COOKIE_USERS)
        self.load.spawn("websocket", NEWCOMERS)
        self.wait(f"some on {NEXT}", lambda tally: tally.sessions.get(NEXT, 0) >= 10)
        self.say()
        self.chapter(f"Something is wrong with {NEXT}: one command, and everyone is on {NEW} again")
        self.load.set_served({NEW})
        self.bgctl("rollback")
        self.wait(f"nobody left on {NEXT}", lambda tally: tally.sessions.get(NEXT, 0) == 0)
        self.say()
        self.bgctl("status")

    def chapter(self, title: str) -> None:
        self.console.print(f"\n[bold]{title}[/bold]")

    def bgctl(self, *arguments: str, code: int = 0) -> None:
        """Runs bgctl and shows what it says, as it says it. Raises StoryError when it exits otherwise."""
        self.console.print(f"  [cyan]$ bgctl {' '.join(arguments)}[/cyan]")
        with self.project.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            assert process.stdout is not None
            for line in process.stdout:
                self.console.print(f"    {line.rstrip()}", markup=False, highlight=False)
        if process.returncode != code:
            raise StoryError(f"bgctl {' '.join(arguments)}: exit {process.returncode}, not {code}")

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
            f"{tally.flipped} flipped; sessions on {where}",
            highlight=False,
        )
