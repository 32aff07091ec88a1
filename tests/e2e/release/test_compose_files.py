"""A project as people have them: an override file, IPv6 addresses, and plain compose typed beside bgctl."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from websockets.sync.client import connect

from tests.e2e.support.stacks import NEW, Stack, eventually, running

OVERRIDE = """\
services:
  frontend-green:
    volumes: ["/scratch"]
"""


class SixStack(Stack):
    """Everything on ::1, with an override file beside the compose file."""

    def create(self) -> "SixStack":
        super().create()
        for name in ("bgctl.toml", "compose.yaml"):
            path = self.directory / name
            path.write_text(path.read_text().replace('"127.0.0.1:', '"[::1]:'))
        (self.directory / "compose.override.yaml").write_text(OVERRIDE)
        return self

    @property
    def plain_url(self) -> str:
        return f"http://[::1]:{self.ports.proxy}"

    @property
    def control_url(self) -> str:
        return f"http://[::1]:{self.ports.control}"

    @property
    def api_url(self) -> str:
        return f"http://[::1]:{self.ports.api}"

    def plain_compose(self, *arguments: str) -> str:
        """As somebody types it in the project's folder."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("BGCTL", "COMPOSE"))}
        done = subprocess.run(
            ["docker-compose", *arguments], cwd=self.directory, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SixStack]:
    with running(tmp_path_factory.mktemp("six") / "project", SixStack) as stack:
        assert isinstance(stack, SixStack)
        yield stack


@pytest.fixture
def drawn(six: SixStack) -> Iterator[SixStack]:
    """In a release: green, too, is on ::1."""
    six.start_of_release()
    yield six
    six.bgctl("rollback")


@pytest.mark.threat(93)
def test_93_everything_works_on_ipv6(drawn: SixStack) -> None:
    assert {entry["check"] for entry in drawn.ask("doctor")["checks"] if entry["result"] == "fail"} == set()
    assert drawn.version_of(drawn.log_in()) == NEW
    eventually(lambda: drawn.census()["versions"][NEW]["sessions"] == 1, "the proxy has reported to ::1")
    eventually(
        lambda: [slot["health"]["up"] for slot in drawn.proxy_status()["slots"].values()] == [True, True],
        "the proxy's checks of both slots pass",
    )
    with connect(f"ws://[::1]:{drawn.ports.proxy}/ws"):
        pass


@pytest.mark.threat(91)
def test_91_what_a_slot_keeps_in_anonymous_volumes_goes_with_it(drawn: SixStack) -> None:
    """The override file gives it one."""
    (kept,) = [
        mount["Name"]
        for mount in drawn.container("frontend-green").attrs["Mounts"]
        if mount["Type"] == "volume"
    ]
    there = drawn.engine_says("volume", "ls", "--quiet").split()
    assert kept in there
    drawn.bgctl("rollback")
    assert kept not in drawn.engine_says("volume", "ls", "--quiet").split()


def by_hand(stack: SixStack) -> dict[str, str]:
    """What doctor tells of plain compose: what to do, by what it has seen."""
    checks = [check for check in stack.ask("doctor", code=None)["checks"] if check["check"] == "by hand"]
    return {check["seen"]: check["next"] for check in checks if check["result"] != "ok"}


def test_plain_compose_does_no_harm(drawn: SixStack) -> None:
    """With what doctor says, plain `compose up -d` leaves everything as it is, in a release and at rest."""
    ((seen, mend),) = by_hand(drawn).items()
    assert seen.startswith("plain `compose up -d` would start session-api, frontend-blue otherwise")
    env_file = drawn.directory / ".env"
    before = env_file.read_text()
    with env_file.open("a") as file:
        file.writelines(f"{line}\n" for line in mend.removeprefix("write into .env: ").split())
    drawn.bgctl("up")
    assert by_hand(drawn) == {}
    there = sorted(drawn.containers())
    drawn.plain_compose("up", "-d", "--remove-orphans")
    assert sorted(drawn.containers()) == there, "in a release"
    drawn.bgctl("rollback")
    there = sorted(drawn.containers())
    drawn.plain_compose("up", "-d")
    assert sorted(drawn.containers()) == there, "at rest"
    env_file.write_text(before)


def test_what_plain_compose_has_changed_is_told_and_put_right(six: SixStack) -> None:
    six.plain_compose("up", "-d", "session-api")
    changed = [mend for seen, mend in by_hand(six).items() if seen.startswith("session-api runs with other")]
    assert changed == ["bgctl up"]
    six.bgctl("up")
    assert not any("runs with other" in seen for seen in by_hand(six))
