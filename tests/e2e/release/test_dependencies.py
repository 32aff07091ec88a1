"""A stack with a database, a migration and a worker (threat 87): it starts in order, migrates once, moves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from testbed.labels import labelled
from testbed.project import IMAGES
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

NEXT = "1.6.9"
NEEDS = """\
    depends_on:
      db: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
"""
SERVICES = """
  db:
    image: IMAGE:1.6.7
    user: ${BGCTL_USER:-10001:10001}
    entrypoint: [python3, /ledger/db.py]
    stop_signal: SIGKILL
    healthcheck: {test: ["CMD", "test", "-f", "/tmp/open"], interval: 1s, retries: 20}
    volumes: ["./ledger:/ledger"]
  migrate:
    image: IMAGE:${VERSION}
    user: ${BGCTL_USER:-10001:10001}
    entrypoint: [python3, /ledger/migrate.py]
    volumes: ["./ledger:/ledger"]
    depends_on:
      db: {condition: service_healthy}
  worker-blue:
    image: IMAGE:${CURRENT_VERSION}
    user: ${BGCTL_USER:-10001:10001}
    entrypoint: [python3, /ledger/worker.py, blue]
    restart: unless-stopped
    volumes: ["./ledger:/ledger"]
    depends_on:
      migrate: {condition: service_completed_successfully}
  worker-green:
    image: IMAGE:${VERSION}
    user: ${BGCTL_USER:-10001:10001}
    entrypoint: [python3, /ledger/worker.py, green]
    profiles: [deployment]
    restart: "${BGCTL_GREEN_RESTART:-no}"
    volumes: ["./ledger:/ledger"]
    depends_on:
      migrate: {condition: service_completed_successfully}
"""
WRITES = """\
import os, pathlib, signal, sys, time
def write(line):
    with open("/ledger/lines", "a") as file:
        file.write(line + "\\n")
version = os.environ["VERSION"]
"""
SCRIPTS = {
    "db.py": "time.sleep(1.5)\nwrite('db is open')\npathlib.Path('/tmp/open').touch()\nsignal.pause()\n",
    "migrate.py": """\
mode = pathlib.Path("/ledger/mode").read_text()
print("relation users exists" if mode == "fails" else "waits for a lock", flush=True)
if mode == "hangs":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    time.sleep(600)
if mode == "fails":
    sys.exit(3)
write(f"migrated to {version}")
""",
    "worker.py": """\
def leave(*_):
    write(f"{sys.argv[1]} leaves {version}")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
write(f"{sys.argv[1]} works on {version}")
while True:
    signal.pause()
""",
}


class Needy(Stack):
    def create(self) -> Self:
        super().create()
        self.ledger = self.directory / "ledger"
        self.ledger.mkdir()
        self.ledger.chmod(0o777)
        for name, script in SCRIPTS.items():
            (self.ledger / name).write_text(WRITES + script)
        self.migration("works")
        root = Path(__file__).parents[3]
        text = (root / "compose" / "compose.yaml").read_text()
        text = re.sub(r"(  frontend-(?:blue|green):\n)", rf"\1{NEEDS}", text)
        more = SERVICES.replace("IMAGE", f"localhost/{IMAGES}/demo-app")
        text = text.replace("\nvolumes:\n", f"{more}\nvolumes:\n", 1)
        (self.directory / "compose.yaml").write_text(labelled(text))
        path = self.directory / "bgctl.toml"
        path.write_text(f"{path.read_text()}\n[services.worker]\nroutes = []\n")
        return self

    @contextmanager
    def migration_that(self, mode: str) -> Iterator[None]:
        """`fails` or `hangs`: then it has two seconds."""
        path = self.directory / "bgctl.toml"
        settings = path.read_text()
        if mode == "hangs":
            path.write_text(settings.replace("[health]\n", '[health]\none_shot_timeout = "2s"\n'))
        self.migration(mode)
        try:
            yield
        finally:
            self.migration("works")
            path.write_text(settings)

    def migration(self, mode: str) -> None:
        (self.ledger / "mode").write_text(mode)

    @property
    def lines(self) -> list[str]:
        path = self.ledger / "lines"
        return path.read_text().splitlines() if path.exists() else []

    def at_work(self, slot: str) -> str | None:
        """The version of a slot's worker, where it runs."""
        found = [line for line in self.lines if line.startswith(slot)]
        return found[-1].removeprefix(f"{slot} works on ") if found and "works" in found[-1] else None


@pytest.fixture(scope="module")
def needy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Needy]:
    with running(tmp_path_factory.mktemp("needy") / "project", Needy, idle_timeout="2s") as stack:
        assert isinstance(stack, Needy)
        yield stack


def current(needy: Needy) -> str:
    version: str = needy.state()["slots"]["blue"]["version"]
    return version


@pytest.mark.threat(87)
def test_87_up_on_an_empty_engine_brings_it_all_up_in_order(needy: Needy) -> None:
    assert needy.lines[:3] == ["db is open", f"migrated to {OLD}", f"blue works on {OLD}"]
    before, db = needy.lines, needy.container("db").id
    said = needy.bgctl("up").stdout
    assert needy.lines == before, "nothing was migrated or started anew"
    assert "healthy already" in said
    assert needy.container("db").id == db


@pytest.mark.threat(87)
@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("fails", f"migrate failed for {NEXT}: it ended with exit code 3"),
        ("hangs", f"migrate hangs for {NEXT}: it had not ended after 2s, and was stopped"),
    ],
)
def test_87_a_migration_that_fails_or_hangs_stops_the_release(needy: Needy, mode: str, reason: str) -> None:
    before, lines = needy.state(), needy.lines
    with needy.migration_that(mode):
        done = needy.bgctl("deploy", NEXT, "--auto", code=1)
    assert reason in done.stderr
    assert ("relation users exists" if mode == "fails" else "waits for a lock") in done.stderr
    assert needy.state() == before
    assert needy.lines == lines
    assert not needy.containers("frontend-green") + needy.containers("worker-green")
    assert needy.version_of(needy.visitor()) == current(needy)
    assert {needy.client.containers.get(each).status for each in needy.containers("migrate")} == {"exited"}


@pytest.mark.threat(87)
def test_87_a_release_migrates_once_and_takes_the_worker_along(needy: Needy) -> None:
    old = current(needy)
    new = NEW if old == OLD else OLD
    db = needy.container("db").id
    needy.bgctl("up-green", new)
    assert (needy.at_work("blue"), needy.at_work("green")) == (old, new)
    needy.bgctl("rollback")
    eventually(lambda: f"green leaves {new}" in needy.lines, "green's worker has ended in order")
    assert (needy.at_work("blue"), needy.containers("worker-green")) == (old, [])
    needy.bgctl("deploy", new, "--auto")
    assert needy.lines.count(f"migrated to {new}") == 1, "once, whatever was rolled back and promoted"
    blues = [line for line in needy.lines if line.startswith("blue")]
    assert blues[-2:] == [f"blue leaves {old}", f"blue works on {new}"]
    assert needy.containers("worker-green") == []
    assert needy.container("db").id == db


@pytest.mark.threat(87)
def test_87_after_a_reboot_everything_comes_back_and_nothing_migrates(needy: Needy) -> None:
    migrated = [line for line in needy.lines if line.startswith("migrated")]
    version, db = current(needy), needy.container("db").id
    for service in ("worker-blue", "frontend-blue", "session-api", "db"):
        needy.container(service).stop(timeout=5)
    (line,) = [line for line in needy.bgctl("status").stdout.splitlines() if line.startswith("db ")]
    assert line == "db does not do its work: it exited with code 137; next: bgctl up"
    needy.bgctl("up")
    assert needy.container("db").id == db, "with what it had"
    assert (needy.container("db").status, needy.at_work("blue")) == ("running", version)
    assert [line for line in needy.lines if line.startswith("migrated")] == migrated
    assert needy.version_of(needy.visitor()) == version
    needy.expected += [r"blue is (down|up again)", r"connect\(\) failed", r"no slot", "Connection refused"]
