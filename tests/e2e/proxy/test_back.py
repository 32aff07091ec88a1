"""What a service has of its own: how long it may be silent, how large bodies may be, whether they stream."""

from __future__ import annotations

import http.client
import os
import sys
import uuid
from collections.abc import Iterator
from typing import Self

import pytest
import requests

from tests.e2e.support.actors import Actor, acting
from tests.e2e.support.lasting import MEGABYTE
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

OWN = 'buffering = false\nmax_body = "6m"\nread_timeout = "2s"'
GONE = r"connect\(\) failed|prematurely closed|(sendfile|send|writev|recv)\(\) failed|upstream timed out"
TOLD = r"blue is (down|up again): frontend at |client intended to send too large "


class Own(Stack):
    def create(self) -> Self:
        super().create()
        path = self.directory / "bgctl.toml"
        path.write_text(path.read_text().replace("mirror = 0", OWN))
        return self


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Whoever asks with `at_blue` is blue's; the other slot is there to fail over to."""
    folder = tmp_path_factory.mktemp("back") / "project"
    with running(folder, Own, health_check="500ms") as one:
        one.expected += [GONE, TOLD]
        ada = one.log_in("ada")
        at_blue["Cookie"] = "; ".join(f"{name}={value}" for name, value in ada.cookies.items())
        one.start_of_release()
        yield one


at_blue: dict[str, str] = {}


class Upload:
    """Of four megabytes, of which half has been sent."""

    def __init__(self, stack: Stack, path: str = "/api/files") -> None:
        self.key, self._body = uuid.uuid4().hex, os.urandom(4 * MEGABYTE)
        self._line = http.client.HTTPConnection("127.0.0.1", stack.ports.proxy, timeout=30)
        self._line.putrequest("POST", path)
        for name, value in {**at_blue, "Idempotency-Key": self.key}.items():
            self._line.putheader(name, value)
        self._line.putheader("Content-Length", str(len(self._body)))
        self._line.endheaders(self._body[: len(self._body) // 2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def send_rest(self) -> None:
        self._line.send(self._body[len(self._body) // 2 :])

    def answer(self) -> tuple[int, str | None, bytes]:
        """Its status, the version in its header, and what it says."""
        with self._line.getresponse() as answer:
            return answer.status, answer.getheader("X-Deployment-Version"), answer.read()


def in_slot(stack: Stack, slot: str, key: str) -> bytes:
    """What a slot answers to an upload with this key, when it is sent there directly."""
    url, headers = f"http://127.0.0.1:{getattr(stack.ports, slot)}/api/files", {"Idempotency-Key": key}
    return requests.post(url, data=b"x", headers=headers, timeout=30).content


def open_on_blue(stack: Stack) -> int:
    number: int = stack.proxy_status()["slots"]["blue"]["open"]
    return number


def wait_up(stack: Stack) -> None:
    """Until blue gets its requests: a test before may have had it down."""
    eventually(lambda: stack.proxy_status()["slots"]["blue"]["health"]["up"], "blue is known to be up")
    stack.wait_looked()


def test_an_upload_reaches_the_app_while_it_comes_in(own):
    with acting(own, "blue") as blue:
        wait_up(own)
        watch_upload(own, blue)


def watch_upload(own: Stack, blue: Actor) -> None:
    with Upload(own) as upload:
        eventually(lambda: blue.received == 2 * MEGABYTE, "half of it is there")
        eventually(lambda: open_on_blue(own) == 1, "it counts as open")
        kept = own.container("proxy").exec_run(["find", "/tmp/client_body", "-type", "f"])
        assert kept == (0, b""), "none of it waits in the proxy"
        upload.send_rest()
        assert upload.answer()[:2] == (200, OLD)
        assert blue.received == 4 * MEGABYTE


def test_before_it_has_begun_the_other_slot_gets_it(own):
    own.container("frontend-blue").kill()
    try:
        with Upload(own) as upload:
            upload.send_rest()
            assert upload.answer()[:2] == (201, NEW)
    finally:
        own.start_again("blue")


def test_one_that_has_begun_is_not_sent_again(own):
    """The slot that had half of it dies: the client is told that it may have been done."""
    wait_up(own)
    with Upload(own) as upload:
        eventually(lambda: open_on_blue(own) == 1, "it is on its way")
        own.container("frontend-blue").kill()
        try:
            status, _, said = upload.answer()
            assert (status, b"may have been done" in said) == (503, True)
            assert b'"seen": 1' in in_slot(own, "green", upload.key), "green has never seen it"
        finally:
            own.start_again("blue")


def test_the_gate_holds_one_and_lets_it_through(own, tmp_path):
    go_on = tmp_path / "go-on"
    code = f"import pathlib, time\nwhile not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.05)"
    pause = own.start("pause", "--", sys.executable, "-c", code)
    eventually(lambda: own.proxy_status()["gate"], "the gate is closed")
    with Upload(own) as upload:
        eventually(lambda: own.proxy_status()["gate"]["held"] == 1, "it is held")
        go_on.touch()
        assert pause.wait(60) == 0
        upload.send_rest()
        assert upload.answer()[0] == 201


def test_limits_are_the_services_own(own):
    url = f"{own.url}/api/files"
    key = {"Idempotency-Key": uuid.uuid4().hex}
    for body in (b"x" * 7 * MEGABYTE, iter([b"x" * MEGABYTE] * 7)):  # the second does not say its length
        answer = requests.post(url, data=body, headers=key, timeout=30)
        assert answer.status_code == 413
    with acting(own, "blue") as blue:
        wait_up(own)
        answer = requests.post(f"{own.url}/wait/4000", headers=at_blue, data=b"x", timeout=30)
        assert answer.status_code == 504
        assert blue.paths().count("/wait/4000") == 1
