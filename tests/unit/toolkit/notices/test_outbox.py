"""Notices to a server that takes them, refuses them, hangs, or is not there."""

import json
import os
import stat
import time
from collections.abc import Callable

import pytest

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import CANDIDATE, DRAIN, GREEN, READY, World
from tests.web_server import Web
from toolkit.notices import notice, outbox
from toolkit.project import Project

pytestmark = pytest.mark.whole


@pytest.fixture
def server(web: Callable[[], Web]) -> Web:
    made = web()
    made.answers["/hook/s3cret"] = (204, b"")
    return made


@pytest.fixture
def project(world: World, server: Web) -> Project:
    toml = world.root / "bgctl.toml"
    text = toml.read_text()
    place = text.index("[notify]")
    told = text[place:].replace('url = ""', f'url = "http://{server.address}/hook/s3cret"')
    toml.write_text(text[:place] + told)
    world.put("candidate", READY, CANDIDATE)
    found, _ = project_of(world)
    return found


def told(server: Web) -> list[dict[str, str]]:
    return [json.loads(body) for _, _, body in server.requests]


def test_it_says_what_has_happened_and_is_signed(project: Project, server: Web) -> None:
    outbox.tell(project, "switch", "1.6.7", "1.6.8")
    ((_, headers, body),) = server.requests
    said = json.loads(body)
    assert {
        name: said[name] for name in ("event", "project", "phase", "oldVersion", "version", "reason")
    } == {
        "event": "switch",
        "project": "shop",
        "phase": "candidate",
        "oldVersion": "1.6.7",
        "version": "1.6.8",
        "reason": "",
    }
    path = project.keys_dir / "notify.secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = notice.key_of(path.read_text().strip())
    expected = notice.headers(key, said["id"], int(headers["Webhook-Timestamp"]), body)
    assert {name: headers[name] for name in expected} == expected
    assert abs(int(headers["Webhook-Timestamp"]) - time.time()) < 60
    assert headers["Content-Type"] == "application/json"
    assert outbox.waiting(project) == []


@pytest.mark.parametrize("answer", [(500, b""), (302, b""), (404, b"")])
def test_what_is_not_taken_is_tried_again_in_its_order(
    project: Project, server: Web, answer: tuple[int, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["/hook/s3cret"] = answer
    outbox.tell(project, "up-green", "1.6.7", "1.6.8")
    said = capsys.readouterr().err
    assert f"warning: http://{server.address} was not told: it answers {answer[0]}; next: " in said
    assert "s3cret" not in said
    server.answers["/hook/s3cret"] = (200, b"")
    server.requests.clear()
    outbox.tell(project, "switch", "1.6.7", "1.6.8")
    assert [each["event"] for each in told(server)] == ["up-green", "switch"]
    assert outbox.waiting(project) == []


def test_a_server_that_hangs_holds_nobody_up_for_long(
    project: Project, server: Web, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "SECONDS", 0.2)
    gone = time.monotonic() + 5

    def hang() -> tuple[int, bytes]:
        while time.monotonic() < gone and not capsys.readouterr().err:
            time.sleep(0.01)
        return 200, b""

    server.answers["/hook/s3cret"] = hang
    outbox.tell(project, "switch", "1.6.7", "1.6.8")
    assert len(outbox.waiting(project)) == 1


def test_a_server_that_is_not_there(
    project: Project, server: Web, capsys: pytest.CaptureFixture[str]
) -> None:
    server.stop()
    outbox.tell(project, "failure", "1.6.7", "1.6.8", "green did not come up")
    said = capsys.readouterr().err
    assert "was not told: connection refused" in said
    assert "s3cret" not in said
    (waits,) = outbox.waiting(project)
    assert json.loads(waits.read_bytes())["reason"] == "green did not come up"
    assert stat.S_IMODE(waits.stat().st_mode) == 0o600
    outbox.deliver(project, aloud=False)
    assert capsys.readouterr().err == ""


def test_what_waits_is_bounded_in_time_and_number(
    project: Project, server: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/hook/s3cret"] = (500, b"")
    for number in range(4):
        outbox.tell(project, f"event{number}", "1.6.7", "1.6.8")
    oldest, second, *_ = outbox.waiting(project)
    os.utime(oldest, (time.time() - outbox.KEPT - 60,) * 2)
    outbox.deliver(project)
    assert len(outbox.waiting(project)) == 3
    monkeypatch.setattr(outbox, "MOST", 2)
    outbox.deliver(project)
    assert len(outbox.waiting(project)) == 2
    assert second not in outbox.waiting(project)


@pytest.mark.parametrize("text", ["", "whsec_no", "a password"])
def test_a_secret_that_is_none_is_told(
    project: Project, server: Web, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.keys_dir / "notify.secret").write_text(text)
    outbox.tell(project, "switch", "1.6.7", "1.6.8")
    said = capsys.readouterr().err
    assert f"{project.keys_dir}/notify.secret cannot be used" in said
    assert "password" not in said
    assert server.requests == []


def test_without_an_address_nothing_is_kept(world: World) -> None:
    world.put("candidate", READY, CANDIDATE)
    project, _ = project_of(world)
    outbox.tell(project, "switch", "1.6.7", "1.6.8")
    assert not (project.state_dir / "notices").exists()


def test_commands_tell_and_cron_tries_again(project: Project, world: World, server: Web) -> None:
    """The real commands."""
    server.answers["/hook/s3cret"] = (503, b"")
    assert world.bgctl("route", "enable-green").returncode == 0
    assert [each["event"] for each in told(server)] == ["switch"]
    server.answers["/hook/s3cret"] = (200, b"")
    world.put("draining", DRAIN, GREEN, "drain")
    world.sessions = {"1.6.7": 3}
    done = world.bgctl("drain", "--auto")
    assert (done.returncode, done.stdout + done.stderr) == (5, "")
    assert [each["event"] for each in told(server)] == ["switch", "switch"]
    assert len({each["id"] for each in told(server)}) == 1
