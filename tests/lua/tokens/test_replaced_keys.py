"""Key files that are replaced by rename while the proxy runs (threat 89)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lua.support.proxy import NOW, Proxy, slot, token

STATE = {
    "schema": 1,
    "generation": 7,
    "updatedAt": "2026-01-15T10:30:00Z",
    "phase": "draining",
    "deployment": {
        "id": "20260115-103000",
        "from": "1.6.7",
        "to": "1.6.8",
        "startedAt": "2026-01-15T10:30:00Z",
        "step": "drain",
    },
    "slots": {"blue": slot("1.6.7", "drain"), "green": slot("1.6.8", "ready", 100)},
}


class Worker(Proxy):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        self.credentials = self.lua.module("tokens.credentials")
        self.configure(STATE, "never")

    def replace(self, secret: bytes) -> None:
        (self.folder / "pin.new").write_bytes(secret)
        (self.folder / "pin.new").replace(self.folder / "pin.secret")

    def sync(self, now: float) -> None:
        self.credentials[b"sync_keys"](now)

    def visit(self, cookie: str = "") -> tuple[str, str, str]:
        """Version, rule, and the pin that was set."""
        request = {"headers": {"Cookie": cookie, "Accept": "text/html"}, "path": "/", "method": "GET"}
        decision = self.router[b"route"](self.asked(request), NOW, True)
        match = re.match(rb"(bg_pin=[^;]+)", decision[b"cookie"] or b"")
        version, reason = decision[b"slot"][b"version"].decode(), decision[b"reason"].decode()
        return version, reason, match[1].decode() if match else ""


def pinned_on_old() -> str:
    return "bg_pin=" + token("pin", "bgctl-pin", sid="visitor-1", deploymentVersion="1.6.7", exp=NOW + 1800)


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(tmp_path)


@pytest.mark.threat(89)
def test_89_who_is_pinned_stays_and_gets_a_pin_of_the_new_secret(worker: Worker) -> None:
    old = pinned_on_old()
    assert worker.visit(old) == ("1.6.7", "pin", "")
    worker.replace(b"n" * 40)
    worker.sync(NOW)
    assert worker.visit(old) == ("1.6.7", "pin", ""), "other workers may not know the new one yet"
    worker.sync(NOW + 2)
    version, rule, new = worker.visit(old)
    assert (version, rule) == ("1.6.7", "pin")
    assert new
    assert worker.visit(new) == ("1.6.7", "pin", "")


@pytest.mark.threat(89)
def test_89_a_worker_believes_what_another_one_signs_already(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = Worker(tmp_path / "a"), Worker(tmp_path / "b")
    for each in (first, second):
        each.replace(b"n" * 40)
    first.sync(NOW)
    first.sync(NOW + 2)
    second.sync(NOW + 1)
    _, _, new = first.visit(pinned_on_old())
    assert second.visit(new)[:2] == ("1.6.7", "pin")


@pytest.mark.threat(89)
def test_89_the_secret_before_the_one_before_is_forgotten(worker: Worker) -> None:
    for at, letter in ((0, b"n"), (10, b"m")):
        worker.replace(letter * 40)
        worker.sync(NOW + at)
        worker.sync(NOW + at + 2)
    assert worker.visit(pinned_on_old())[:2] == ("1.6.8", "new")


@pytest.mark.threat(89)
@pytest.mark.parametrize("content", [b"", b"short\n", None])
def test_89_a_bad_one_leaves_the_last_good_one_in_force(worker: Worker, content: bytes | None) -> None:
    if content is None:
        (worker.folder / "pin.secret").unlink()
    else:
        worker.replace(content)
    worker.sync(NOW)
    worker.sync(NOW + 5)
    assert worker.visit(pinned_on_old()) == ("1.6.7", "pin", "")
    fault = worker.credentials[b"fault"]()
    assert fault.startswith(b"pin.secret: ")
    worker.replace(b"n" * 40 + b"\n")
    worker.sync(NOW + 6)
    assert worker.credentials[b"fault"]() is None


@pytest.mark.threat(89)
def test_89_previews_go_by_the_new_one_at_once(worker: Worker) -> None:
    old = "bg_preview=" + token("preview", "bgctl-preview", sid="p", deploymentVersion="1.6.7")
    assert worker.visit(old)[1] == "preview"
    worker.replace(b"n" * 40)
    worker.sync(NOW)
    assert worker.visit(old)[1] != "preview"


@pytest.mark.threat(89)
def test_89_a_compose_file_that_mounts_the_file_itself_goes_on_working(tmp_path: Path) -> None:
    proxy = Worker(tmp_path)
    code = b"""
        local path = ...
        local secret_file = require("bg.lib.secret_file")
        local one = secret_file.new(path .. "/pin/pin.secret", function(text) return text end)
        return one:poll(), one.value, one.name
    """
    assert proxy.lua.runtime.execute(code, str(tmp_path).encode()) == (True, b"p" * 40, b"pin.secret")
    (tmp_path / "pin").mkdir()
    (tmp_path / "pin" / "pin.secret").write_bytes(b"in its folder")
    assert proxy.lua.runtime.execute(code, str(tmp_path).encode())[1] == b"in its folder"


@pytest.mark.threat(89)
def test_89_a_pin_of_the_secret_in_force_is_checked_once(worker: Worker) -> None:
    """Not with the secret before it as well, for as long as the proxy runs."""
    worker.replace(b"n" * 40)
    worker.sync(NOW)
    worker.sync(NOW + 2)
    _, _, new = worker.visit(pinned_on_old())
    count = b"""
        local token = require("bg.tokens.token")
        local verify, checked = token.verify, 0
        token.verify = function(...) checked = checked + 1 return verify(...) end
        return function() return checked end
    """
    checked = worker.lua.runtime.execute(count)
    assert worker.visit(new) == ("1.6.7", "pin", "")
    assert checked() == 1
