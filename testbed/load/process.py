"""The load in a process of its own, for callers that block. One JSON object per line, in and out."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .generator import Load
from .judgement import Migrate
from .tally import Tally
from .user import Kind

ROOT = Path(__file__).resolve().parents[2]
GOOD_BYE = 30.0  # seconds for the last requests to end


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
    ) -> None:
        self._hello = {
            "url": base_url,
            "served": sorted(served),
            "rate": rate,
            "ca": str(ca) if ca else None,
            "migrate": migrate,
        }
        self.posts: dict[str, bool] = {}  # Load.posts, once it has stopped
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
        # A session of its own: Ctrl-C reaches the caller alone, who then says stop. If the caller dies, the
        # child's stdin ends and so does the child.
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
        """Log out users on `version` (any if None), at most `limit`; return how many that were.

        With `visitors`, those count too who never logged in: they forget their cookies. All come back anew.
        """
        return int(self._ask("log_out", version=version, limit=limit, visitors=visitors))

    def leave(self, version: str, every: float, *, kind: Kind | None = None, come_back: bool = False) -> None:
        """Returns at once: one user of `version` leaves every `every` seconds, until none is left.

        They do not come back, unless told so. With `kind`, only users of that kind leave.
        """
        self._ask("leave", version=version, every=every, kind=kind, come_back=come_back)

    def set_migrate(self, migrate: Migrate) -> None:
        """Allow "navigation" before the proxy may do it, and "never" only when it does it no more."""
        self._ask("set_migrate", migrate=migrate)

    def set_draining(self, version: str | None) -> None:
        """Call it after the command that begins the drain: page views to migrate count from here."""
        self._ask("set_draining", version=version)

    def set_served(self, versions: Collection[str]) -> None:
        """Narrow it before the command that retires a version; widen it before a version gets sessions."""
        self._ask("set_served", versions=sorted(versions))

    def settle(self) -> None:
        """Call it when that command has returned: a version that was taken out must not answer any more."""
        self._ask("settle")

    def keep(self, n: int, *, silence: float = 0.0) -> None:
        """Let `n` regulars of each kind come.

        `silence`: seconds that pass, at least, between two calls of the silent ones.
        """
        self._ask("keep", n=n, silence=silence)

    def hush(self) -> None:
        """The regulars make no request until resume()."""
        self._ask("hush")

    def resume(self) -> None:
        self._ask("resume")

    def call_silent(self) -> None:
        """Let the regulars come that wait to be called, once they have been silent for long enough."""
        while (left := float(self._ask("silence_left"))) > 0:
            time.sleep(left)
        self._ask("call", everyone=False)

    def call_all(self) -> None:
        """Let every regular come, now."""
        self._ask("call", everyone=True)

    def set_rate(self, rate: float) -> None:
        self._ask("set_rate", rate=rate)

    def snapshot(self) -> Tally:
        return Tally.from_dict(self._ask("snapshot"))

    def stop(self) -> Tally:
        """End the load and the process; return the final tally."""
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


async def serve() -> None:
    """The child's side: obey until `stop` or until stdin ends."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    worker = Worker()
    while line := await lines.readline():
        verb, arguments = json.loads(line)
        try:
            answer = {"result": await worker.obey(verb, arguments)}
        except Exception as error:  # of any kind: the caller has to be told
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    await worker.end()


class Worker:
    def __init__(self) -> None:
        self._load: Load | None = None

    async def obey(self, verb: str, given: dict[str, Any]) -> Any:
        if verb == "start":
            ca = Path(given["ca"]) if given["ca"] else None
            self._load = Load(
                given["url"],
                served=given["served"],
                rate=given["rate"],
                ca=ca,
                migrate=given["migrate"],
            )
            return await self._load.start()
        load = self._load
        if load is None:
            raise LoadError("not started")
        match verb:
            case "spawn":
                load.spawn(given["kind"], given["n"])
            case "set_served":
                load.set_served(given["versions"])
            case "settle":
                load.settle()
            case "keep":
                load.regulars.silence = given["silence"]
                await load.regulars.arrive(given["n"])
            case "hush":
                load.regulars.hush()
            case "resume":
                load.regulars.resume()
            case "silence_left":
                return load.regulars.silence_left()
            case "call":
                await load.regulars.call(everyone=given["everyone"])
            case "set_rate":
                load.rate = given["rate"]
            case "set_migrate":
                load.set_migrate(given["migrate"])
            case "set_draining":
                load.set_draining(given["version"])
            case "leave":
                load.leave(given["version"], given["every"], kind=given["kind"], come_back=given["come_back"])
            case "log_out":
                return await load.log_out(
                    lambda user: (
                        (given["visitors"] or user.logged_in)
                        and user.version is not None
                        and (given["version"] is None or user.on(given["version"]))
                    ),
                    given["limit"],
                )
            case "snapshot":
                return load.tally().as_dict()
            case "stop":
                self._load = None
                return {"tally": (await load.stop()).as_dict(), "posts": load.posts}
            case _:
                raise LoadError(f"no such verb: {verb}")
        return None

    async def end(self) -> None:
        if self._load is not None:
            await self._load.stop()
