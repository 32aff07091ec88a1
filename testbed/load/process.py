"""Runs the load in a process of its own, for callers that block.

They talk by lines of JSON: `[verb, arguments]` goes to the child's standard input, and its answer,
`{"result": …}` or `{"error": "…"}`, comes from its standard output. `worker` is the child's side.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .judgement import Migrate
from .tally import Tally
from .user import Kind

ROOT = Path(__file__).resolve().parents[2]
GOOD_BYE = 30.0  # seconds that the last requests get to end


class LoadError(RuntimeError):
    """The load generator ended, or could not do what it was told."""


class LoadProcess:
    """The same verbs as Load, blocking, safe to call from several threads.

    `with LoadProcess(url, served={"1.6.7"}) as load: load.spawn("cookie", 60) ...`
    """

    def __init__(
        self,
        base_url: str,
        *,
        served: Collection[str],
        rate: float = 400.0,
        ca: Path | None = None,
        migrate: Migrate = "never",
        hosts: Sequence[str] = (),
    ) -> None:
        self._hello = {
            "url": base_url,
            "served": sorted(served),
            "rate": rate,
            "ca": str(ca) if ca else None,
            "migrate": migrate,
            "hosts": list(hosts),
        }
        self.posts: dict[str, bool] = {}  # as Load.posts; filled by `stop`
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is None:
            return
        try:
            self._end(self._child)
        finally:
            self._child = None

    def start(self) -> None:
        # The child has a session of its own, so that Ctrl-C reaches only the caller, which then stops it. If
        # the caller dies, the child's standard input ends, and with it the child.
        self._child = subprocess.Popen(
            [sys.executable, "-m", "testbed.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        self._ask("start", **self._hello)

    def spawn(self, kind: Kind, n: int = 1) -> None:
        self._ask("spawn", kind=kind, n=n)

    def log_out(self, *, version: str | None = None, limit: int | None = None, visitors: bool = False) -> int:
        """Logs out at most `limit` users on `version` (None: on any); returns how many.

        With `visitors` also users who are not logged in are taken: they forget their cookies. All come back
        as newcomers.
        """
        return int(self._ask("log_out", version=version, limit=limit, visitors=visitors))

    def leave(self, version: str, every: float, *, kind: Kind | None = None, come_back: bool = False) -> None:
        """Begins to send users of `version` away, one every `every` seconds, and returns at once.

        With `kind` only users of that kind leave. With `come_back` they come back as newcomers.
        """
        self._ask("leave", version=version, every=every, kind=kind, come_back=come_back)

    def set_away(self, hosts: Collection[str]) -> None:
        """Tells which hosts are away: before they go, and when they are back. What they lose is no fault."""
        self._ask("set_away", hosts=sorted(hosts))

    def set_migrate(self, migrate: Migrate) -> None:
        """Tells what may move a session: "navigation" before the proxy does so, "never" after it."""
        self._ask("set_migrate", migrate=migrate)

    def set_draining(self, version: str | None) -> None:
        """Tells, after the command that begins a drain, which version drains. Its page views count now."""
        self._ask("set_draining", version=version)

    def set_served(self, versions: Collection[str]) -> None:
        """Tells what is served, before a command that retires a version or gives one sessions."""
        self._ask("set_served", versions=sorted(versions))

    def settle(self) -> None:
        """Tells that the command has returned: a version that was taken out must not answer any more."""
        self._ask("settle")

    def keep(self, n: int, *, silence: float = 0.0) -> None:
        """Has `n` regulars of each kind come. The silent ones stay away for `silence` seconds, at least."""
        self._ask("keep", n=n, silence=silence)

    def hush(self) -> None:
        """Keeps the regulars from making requests, until resume()."""
        self._ask("hush")

    def resume(self) -> None:
        self._ask("resume")

    def call_silent(self) -> None:
        """Has the silent regulars come, once they have been silent for long enough."""
        while (left := float(self._ask("silence_left"))) > 0:
            time.sleep(left)
        self._ask("call", everyone=False)

    def call_all(self) -> None:
        """Has every regular come, now."""
        self._ask("call", everyone=True)

    def set_rate(self, rate: float) -> None:
        self._ask("set_rate", rate=rate)

    def snapshot(self) -> Tally:
        return Tally.from_dict(self._ask("snapshot"))

    def stop(self) -> Tally:
        """Ends the load and the process; returns the final tally."""
        last = self._ask("stop")
        final, self.posts = Tally.from_dict(last["tally"]), last["posts"]
        assert self._child is not None
        self._end(self._child)
        self._child = None
        return final

    def _ask(self, verb: str, **arguments: Any) -> Any:
        with self._lock:
            if self._child is None or self._child.stdin is None or self._child.stdout is None:
                raise LoadError("the load generator is not running")
            try:
                self._child.stdin.write(json.dumps([verb, arguments]) + "\n")
                line = self._child.stdout.readline()
            except BrokenPipeError:
                line = ""
            if not line:
                raise LoadError(f"the load generator ended with code {self._child.wait(GOOD_BYE)}")
        answer = json.loads(line)
        if "error" in answer:
            raise LoadError(answer["error"])
        return answer["result"]

    @staticmethod
    def _end(child: subprocess.Popen[str]) -> None:
        assert child.stdin and child.stdout
        try:
            child.stdin.close()
            child.wait(GOOD_BYE)
        except (OSError, subprocess.TimeoutExpired):
            child.kill()
            child.wait()
        finally:
            child.stdout.close()
