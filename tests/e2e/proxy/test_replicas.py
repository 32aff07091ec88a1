"""Three containers in each slot: one that dies or hangs costs no request, and a release takes all along."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from testbed.labels import labelled
from testbed.load import LoadProcess
from testbed.ports import Ports
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

FAILED = r"connect\(\) failed|upstream timed out|prematurely closed|reset by peer"
TOLD = r"(blue|green) is (down|up again): frontend at "
PROBED = r"recv\(\) failed|context: ngx\.timer"
COMPOSE = (Path(__file__).parents[3] / "compose" / "compose.yaml").read_text()
REPLICAS = 3
PACE = 0.02  # seconds between two requests of one visitor


class Several(Stack):
    def create(self) -> Self:
        super().create()
        text = COMPOSE
        for slot in ("blue", "green"):
            first = re.search(rf"  frontend-{slot}:\n(?:    .*\n|\n)+", COMPOSE)
            assert first
            more = [self._replica(first[0], slot, number) for number in range(2, REPLICAS + 1)]
            text = text.replace(first[0], "".join([first[0], *more]))
        (self.directory / "compose.yaml").write_text(labelled(text))
        path = self.directory / "bgctl.toml"
        path.write_text(path.read_text().replace("mirror = 0", f"replicas = {REPLICAS}\nmirror = 0"))
        return self

    def _replica(self, first: str, slot: str, number: int) -> str:
        port = getattr(self.ports, slot) + number - 1
        text = first.replace(f"frontend-{slot}:", f"frontend-{slot}-{number}:")
        return re.sub(r"127\.0\.0\.1:\$\{\w+_PORT:-\d+\}", f"127.0.0.1:{port}", text)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("replicas") / "project"
    settings: dict[str, Any] = {
        **{"read_timeout": "2s", "health_check": "500ms", "check_timeout": "1s"},
        "idle_timeout": "5s",  # who came in one test is not waited for in the next
    }
    with running(folder, Several, ports=Ports.free(REPLICAS), **settings) as one:
        one.expected += [FAILED, TOLD, PROBED]
        yield one


class Visitors:
    """Some who ask all the time; `seen` are (status, version, seconds, when it began) of their answers."""

    def __init__(self, stack: Stack, count: int = 4) -> None:
        self.seen: list[tuple[int, str | None, float, float]] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(stack,)) for _ in range(count)]

    def _ask(self, stack: Stack) -> None:
        browser = stack.visitor()
        while not self._over.wait(PACE):
            began = time.monotonic()
            answer = browser.get(f"{stack.url}/api/whoami", timeout=30)
            version = answer.headers.get("X-Deployment-Version")
            self.seen.append((answer.status_code, version, time.monotonic() - began, began))

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        self.more()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for each in self._threads:
            each.join()

    @property
    def outcomes(self) -> set[tuple[int, str | None]]:
        return {(status, version) for status, version, *_ in self.seen}

    def more(self, count: int = 100) -> None:
        """Until so many more have been answered."""
        wanted = len(self.seen) + count
        eventually(lambda: len(self.seen) >= wanted, "people are served")

    def longest(self, since: float) -> float:
        """Seconds that a request took which began after `since`."""
        return max(seconds for *_, seconds, began in self.seen if began > since)


def health(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.proxy_status()["slots"]["blue"]["health"]
    return found


def passed_over(stack: Stack) -> list[str]:
    """The replicas of blue that the proxy finds down, by their addresses."""
    return [each["address"] for each in health(stack).get("passed", [])]


def versions(stack: Stack) -> tuple[str, str]:
    """The one that serves, and the next one: the release of a test before may have exchanged them."""
    serving = str(stack.state()["slots"]["blue"]["version"])
    return serving, NEW if serving == OLD else OLD


def blue(stack: Stack, *numbers: int) -> list[str]:
    return [f"127.0.0.1:{stack.ports.blue + number - 1}" for number in numbers]


def all_well(stack: Stack) -> None:
    eventually(lambda: health(stack)["up"] and not passed_over(stack), "all get requests again")


def test_one_that_dies_costs_no_request_and_flips_nobody(several: Stack) -> None:
    old, _ = versions(several)
    with Visitors(several) as visitors:
        several.container("frontend-blue-2").kill()
        visitors.more(300)
        eventually(lambda: passed_over(several) == blue(several, 2), "the proxy has noticed")
        assert health(several)["up"] is True
        seen = several.ask("status")["slots"]["blue"]
        assert (seen["health"], seen["container"]) == ("2 of 3 up", "2 of 3 running")
        assert "blue has 2 of 3 up (frontend-blue-2: " in several.bgctl("status").stdout
        before = [several.container(name).id for name in ("frontend-blue", "frontend-blue-3")]
        several.bgctl("up")
        assert [several.container(name).id for name in ("frontend-blue", "frontend-blue-3")] == before
        all_well(several)
        visitors.more()
    assert visitors.outcomes == {(200, old)}
    assert several.ask("status")["slots"]["blue"]["health"] == "healthy"


def test_one_that_hangs_is_passed_over(several: Stack) -> None:
    old, _ = versions(several)
    frozen = several.container("frontend-blue")
    with Visitors(several) as visitors:
        frozen.pause()
        try:
            eventually(lambda: passed_over(several) == blue(several, 1), "the proxy has noticed")
            several.wait_looked()
            since = time.monotonic()
            visitors.more(300)
            assert visitors.longest(since) < 1.5, "nobody waits for it any more"
            assert health(several)["up"] is True
        finally:
            frozen.unpause()
        all_well(several)
        visitors.more()
    assert visitors.outcomes == {(200, old)}, "who was sent there before was served by another one"


def test_the_other_slot_answers_when_all_are_gone_and_not_before(several: Stack) -> None:
    old, new = versions(several)
    browser = several.visitor()
    assert several.version_of(browser) == old
    several.bgctl("up-green", new)
    several.bgctl("route", "enable-green")
    names = ["frontend-blue", "frontend-blue-2", "frontend-blue-3"]
    try:
        for name in names[:2]:
            several.container(name).kill()
        assert {several.version_of(browser) for _ in range(6)} == {old}
        several.container(names[2]).kill()
        assert {several.version_of(browser) for _ in range(6)} == {new}, "in the same request"
        eventually(lambda: health(several)["up"] is False, "the proxy has noticed")
        assert health(several)["why"].startswith("frontend: all 3 replicas, the last of them: ")
        assert several.version_of(browser) == new
    finally:
        several.bgctl("up")
    eventually(lambda: several.version_of(browser) == old, "its own slot serves it again")
    several.bgctl("rollback")
    assert [several.containers(name.replace("blue", "green")) for name in names] == [[], [], []]


def test_a_release_takes_all_of_them_along(several: Stack) -> None:
    old, new = versions(several)
    with LoadProcess(several.url, served={old}, rate=100) as load:
        load.spawn("cookie", 10)
        load.spawn("anonymous", 10)
        load.spawn("websocket", 10)
        eventually(lambda: load.snapshot().sessions.get(old, 0) == 30, "everyone is on the old version")
        several.bgctl("up-green", new)
        load.set_served({old, new})
        several.bgctl("route", "enable-green")
        load.log_out(version=old)
        load.log_out(version=old, visitors=True)
        several.bgctl("drain", "--timeout", "60s")
        load.set_served({new})
        several.bgctl("promote")
        tally = load.stop()
    assert tally.clean, tally
    running_now = {name: several.containers(f"frontend-{name}") for name in ("blue-2", "blue-3", "green-3")}
    assert [len(found) for found in running_now.values()] == [1, 1, 0]
    assert f"demo-app:{new}" in several.container("frontend-blue-3").attrs["Config"]["Image"]
    assert "frontend-blue-3 | " in several.bgctl("logs", "frontend-blue").stdout
