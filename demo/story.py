"""The demo's story, under load: a release that is drained and promoted, a shorter one, and one taken back."""

from __future__ import annotations

import time

from rich.console import Console

from demo.stage import NOT_YET, PATIENCE, PIN_IDLE, REGULARS, Stage, StoryError
from testbed.load import LoadProcess, Tally
from testbed.project import Project

OLD, NEW, NEXT = "1.6.7", "1.6.8", "1.6.9"
# At first a session moves only after minutes without a request, which happens to none here. But the proxy
# lists open pages from the beginning on, and a session moves only if all of its open pages are listed.
FIRST = "idle"
IDLE = "5s"  # the idle_timeout that this story needs: a drain waits for visitors until they are idle
RATE = 420.0  # requests a second
COOKIE_USERS, BEARER_USERS, VISITORS, SOCKETS, TWO_TABS = 60, 20, 40, 50, 10
STREAMS, POLLS, UPLOADS, DOWNLOADS = 10, 4, 3, 3
CROWD = COOKIE_USERS + BEARER_USERS + VISITORS + SOCKETS + TWO_TABS + STREAMS + POLLS + UPLOADS + DOWNLOADS
NEWCOMERS = 20
REQUESTS = 20_000
PAUSE = 0.12  # seconds between two users who leave


class Story(Stage):
    """Tells the release on `console` while `load` runs against `project`, for so many `requests` at least."""

    def __init__(
        self, project: Project, load: LoadProcess, console: Console, requests: int = REQUESTS
    ) -> None:
        super().__init__(project, load, console, served=OLD)
        self.requests = requests

    def tell(self) -> Tally:
        """The whole story. Returns the final tally."""
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
        self.wait("the last of the requests", lambda tally: tally.requests >= self.requests)
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
