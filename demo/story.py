"""The demo's story, under load: a release that is drained and promoted, a shorter one, and one taken back."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from testbed.load import Ledger, LoadProcess, Tally
from testbed.project import Project

OLD, NEW, NEXT = "1.6.7", "1.6.8", "1.6.9"
# At first a session moves only after minutes without a request, which happens to none here. But the proxy
# lists open pages from the beginning on, and a session moves only if all of its open pages are listed.
FIRST = "idle"
IDLE = "5s"  # the idle_timeout that this story needs: a drain waits for visitors until they are idle
# A pin is renewed when half of its life is over. A user who holds a WebSocket makes no other request for
# 12 s, and the regulars pause for as long as a drain needs to see that they are idle: both must fit into the
# other half.
PIN_IDLE = 36  # seconds
RATE = 420.0  # requests a second
COOKIE_USERS, BEARER_USERS, VISITORS, SOCKETS, TWO_TABS = 60, 20, 40, 50, 10
STREAMS, POLLS, UPLOADS, DOWNLOADS = 10, 4, 3, 3
CROWD = COOKIE_USERS + BEARER_USERS + VISITORS + SOCKETS + TWO_TABS + STREAMS + POLLS + UPLOADS + DOWNLOADS
NEWCOMERS = 20
REGULARS = 20  # of each kind: bearer tokens, silent browsers, visitors
REQUESTS = 20_000
PAUSE = 0.12  # seconds between two users who leave
POLL = 0.2
CRON = 1.0  # seconds between two looks of an unattended drain; cron's would be a minute
PATIENCE = 120.0  # seconds until something that must happen has happened
NOT_YET = 5


class StoryError(RuntimeError):
    """The story did not go as it should."""


class Story:
    """Tells the release on `console` while `load` runs against `project`."""

    def __init__(self, project: Project, load: LoadProcess, console: Console) -> None:
        self.project, self.load, self.console = project, load, console
        self.ledger = Ledger()
        self._switched = 0.0
        self._told = {OLD}

    def tell(self) -> Tally:
        """The whole story, at least `REQUESTS` requests long. Returns the final tally."""
        self.crowd_on_old()
        self.release_new()
        self.empty_old()
        first = time.monotonic() - self._switched
        self.release_next()
        self.migrate_to_next()
        second = time.monotonic() - self._switched
        self.remark(f"from the switch to the end of the release: {first:.0f} s, and {second:.0f} s this time")
        self.roll_a_mistake_back()
        self.load.call_all()
        self.wait("the last of the requests", lambda tally: tally.requests >= REQUESTS)
        tally = self.load.stop()
        self.read_ledgers()
        tally.doubled_posts = max(tally.doubled_posts, len(self.ledger.doubled()))
        return tally

    def crowd_on_old(self) -> None:
        """All users come to the old version, until every WebSocket and event stream is open."""
        self.chapter(f"People are using {OLD}")
        self.load.keep(REGULARS, silence=PIN_IDLE + 1)
        self.load.spawn("cookie", COOKIE_USERS)
        self.load.spawn("bearer", BEARER_USERS)
        self.load.spawn("anonymous", VISITORS)
        self.load.spawn("websocket", SOCKETS)
        self.load.spawn("tabs", TWO_TABS)
        self.load.spawn("events", STREAMS)
        self.load.spawn("poll", POLLS)
        self.load.spawn("upload", UPLOADS)
        self.load.spawn("download", DOWNLOADS)
        self.wait(
            f"all {CROWD} on {OLD}",
            lambda tally: (
                tally.sessions.get(OLD, 0) == CROWD
                and tally.websockets_opened >= SOCKETS
                and tally.streams_opened >= STREAMS
            ),
        )
        self.say()

    def release_new(self) -> None:
        """Green starts, is proven, and takes new sessions; the sessions on blue stay there."""
        self.chapter(f"{NEW} starts beside it, and is proven before anyone is sent there")
        self.bgctl("up-green", NEW)
        self.chapter(f"New sessions go to {NEW}; every session on {OLD} stays")
        self.serve(OLD, NEW)
        self.switch()
        before = self.load.snapshot().sessions.get(OLD, 0)
        self.load.spawn("cookie", NEWCOMERS)
        self.wait(f"{NEWCOMERS} newcomers on {NEW}", lambda tally: tally.sessions.get(NEW, 0) >= NEWCOMERS)
        after = self.load.snapshot().sessions.get(OLD, 0)
        if after != before:
            raise StoryError(f"{before - after} sessions left {OLD} by themselves")
        self.say()

    def empty_old(self) -> None:
        """The old version is not retired before its last session has ended."""
        self.chapter(f"{OLD} is drained: it is stopped when it is empty, not before")
        self.bgctl("drain", "--auto", code=NOT_YET)
        self.remark(
            "exit 5: not yet, and nothing to say about it. People log out, one by one, and come back."
        )
        self.load.leave(OLD, PAUSE, come_back=True)
        self.wait(f"half of them gone from {OLD}", lambda tally: tally.sessions.get(OLD, 0) <= CROWD // 2)
        self.say()
        self.bgctl("sessions")
        self.call_silent(OLD)
        with self.falling_silent(OLD):
            self.bgctl("drain", "--timeout", f"{PATIENCE:.0f}s")
            self.wait_until_nobody_is_on(OLD)
            self.say()
            self.promote_new()

    def promote_new(self) -> None:
        """Blue comes back on the new version and takes over; green goes."""
        self.chapter(f"{NEW} is promoted: blue comes back on it and takes over without a sound")
        self.serve(NEW)
        self.read_ledgers()
        self.bgctl("promote")
        self.settle()
        self.say()

    def release_next(self) -> None:
        """A second release. While blue drains, a page that is loaded anew comes from the new version."""
        self.chapter(
            f"{NEXT} is next, and this time nobody has to log out: whoever loads a page gets the new one"
        )
        self.project.configure(migrate="navigation")
        self.remark('bgctl.toml: [drain] migrate = "navigation"')
        self.bgctl("up")
        self.bgctl("up-green", NEXT)
        self.serve(NEW, NEXT)
        self.load.set_migrate("navigation")
        self.switch()
        self.load.set_draining(NEW)
        self.say()

    def migrate_to_next(self) -> None:
        """Sessions move as their users browse. API clients load no pages: they come with a new token."""
        self.load.leave(NEW, PAUSE, kind="bearer", come_back=True)
        self.wait_until_nobody_is_on(NEW)
        self.say()
        self.call_silent(NEW)
        self.chapter(f"Nobody is at the keyboard: cron looks, and promotes {NEXT} when {NEW} is empty")
        self.serve(NEXT)
        with self.falling_silent(NEW):
            self.drain_unattended()
        self.settle()
        self.load.set_migrate("never")
        self.load.set_draining(None)
        tally = self.load.snapshot()
        self.remark(f"{tally.migrated} sessions moved with a page view, none needed more than "
                    f"{tally.views_to_migrate} of them")  # fmt: skip

    def roll_a_mistake_back(self) -> None:
        """A third release, of the wrong version, is taken back while users are on it."""
        self.chapter(f"By mistake, {OLD} is released again: a third of the newcomers at first")
        self.bgctl("up-green", OLD)
        self.serve(NEXT, OLD)
        self.bgctl("route", "canary", "30")
        self.settle()
        self.load.log_out(version=NEXT, limit=COOKIE_USERS)
        self.load.spawn("websocket", NEWCOMERS)
        self.wait(f"some on {OLD}", lambda tally: tally.sessions.get(OLD, 0) >= 10)
        self.call_silent(NEXT)
        self.say()
        self.chapter(f"One command, and everyone is on {NEXT} again")
        self.serve(NEXT)
        self.read_ledgers()
        self.bgctl("rollback")
        self.settle()
        self.wait_until_nobody_is_on(OLD)
        self.say()
        self.bgctl("status")

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
