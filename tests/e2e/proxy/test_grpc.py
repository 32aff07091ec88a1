"""gRPC to the app: calls and streams of every kind, through a release, past a slot that is ill or gone."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import grpc
import pytest
import requests

from testbed import certificates
from testbed.ports import Ports
from tests.e2e.support.cases import Case
from tests.e2e.support.stacks import eventually, running

PACE = 0.05  # seconds between two rounds of one caller
KEY = (("authorization", "Bearer key-of-a-client"),)
OTHER = (("authorization", "Bearer key-of-another-client"),)
TLS = """\
[tls]
listen = "127.0.0.1:{self.ports.tls}"
certificate = "certs/fullchain.pem"
key = "certs/privkey.pem"
"""
GONE = r"connect\(\) failed|upstream (prematurely|timed out|sent)|reset by peer|blue is (down|up again): web"


class Greeter(Case):
    kind = "greeter"
    own = 'port = 50051\nprotocol = "grpc"\nhealth = "grpc"\nread_timeout = "20s"'

    def status_of(self, slot: str) -> dict[str, Any]:
        found: dict[str, Any] = self.proxy_status()["slots"][slot]
        return found

    def metric(self, name: str) -> float:
        lines = requests.get(f"{self.control_url}/metrics", timeout=10).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


class Secured(Greeter):
    """Two replicas in each slot, and a proxy that speaks TLS."""

    own = f"{Greeter.own}\nreplicas = 2"

    def create(self) -> Self:
        super().create()
        certificates.make(self.directory)
        path = self.directory / "bgctl.toml"
        path.write_text(path.read_text().replace("secure_cookies = false\n", "") + TLS.format(self=self))
        return self


class Client:
    """A channel, and the methods of the greeter by their kinds, with texts for messages."""

    def __init__(self, address: str, ca: Path | None = None) -> None:
        if ca:
            trusted = grpc.ssl_channel_credentials(ca.read_bytes())
            self._channel = grpc.secure_channel(address, trusted)
        else:
            self._channel = grpc.insecure_channel(address)
        text = {"request_serializer": str.encode, "response_deserializer": bytes.decode}
        for name, kind in {
            **dict.fromkeys(("Hello", "Fail", "Sleep", "Feel"), self._channel.unary_unary),
            "Count": self._channel.unary_stream,
            "Add": self._channel.stream_unary,
            "Chat": self._channel.stream_stream,
        }.items():
            setattr(self, name.lower(), kind(f"/shop.Greeter/{name}", **text))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()


@contextmanager
def client(stack: Greeter, port: int = 0) -> Iterator[Any]:
    public = stack.ports.tls if stack.tls else stack.ports.proxy
    with Client(f"127.0.0.1:{port or public}", None if port else stack.ca) as one:
        yield one


@pytest.fixture(scope="module")
def greeter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Greeter]:
    with running(tmp_path_factory.mktemp("grpc") / "project", Greeter, idle_timeout="3s") as one:
        assert isinstance(one, Greeter)
        yield one


class Chat:
    """A stream in both directions that stays open."""

    def __init__(self, caller: Any, metadata: Any) -> None:
        self._said: queue.Queue[str | None] = queue.Queue()
        self._answers = caller.chat(iter(self._said.get, None), metadata=metadata)

    def says(self, text: str) -> str:
        self._said.put(text)
        return str(next(self._answers))

    def close(self) -> None:
        self._said.put(None)
        assert list(self._answers) == []


class Load:
    """Callers with one key that call again and again; `seen` are the versions, or how it failed."""

    def __init__(self, stack: Greeter, metadata: Any, count: int = 4) -> None:
        self.seen: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(stack, metadata)) for _ in range(count)]

    def _call(self, stack: Greeter, metadata: Any) -> None:
        with client(stack) as caller:
            while not self._over.wait(PACE):
                try:
                    self.seen.append(caller.hello("you", metadata=metadata, timeout=20)[0])
                    self.seen += {each[0] for each in caller.count("3 0.01", metadata=metadata, timeout=20)}
                except grpc.RpcError as error:
                    self.seen.append(f"{error.code()} {error.details()}")

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        self.more()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for each in self._threads:
            each.join()

    def more(self, count: int = 50) -> None:
        wanted = len(self.seen) + count
        eventually(lambda: len(self.seen) >= wanted, "calls are answered")


def test_calls_and_streams_of_every_kind(greeter):
    one = greeter.state()["slots"]["blue"]["version"]  # "1", unless the release came first
    with client(greeter) as caller:
        answer, call = caller.hello.with_call("ada")
        assert answer == f"{one} hello ada"
        assert dict(call.trailing_metadata())["release"] == one
        assert dict(call.initial_metadata())["x-deployment-version"] == one
        assert caller.hello("who", metadata=(("x-deployment-version", "9"), *KEY)) == f"{one} {one} 127.0.0.1"
        assert list(caller.count("5 0")) == [f"{one} {each}" for each in range(5)]
        assert caller.add(iter(["1", "2", "39"])) == f"{one} 42"
        assert list(caller.chat(iter(["a", "b"]))) == [f"{one} a", f"{one} b"]
        large = "x" * 3_000_000
        assert caller.hello(large) == f"{one} hello {large}", (
            "no limit for bodies, and no room that they take"
        )
        for _ in range(1100):  # nginx closes a connection after 1000 requests
            assert caller.hello("again", timeout=20) == f"{one} hello again"


def test_a_status_of_the_app_and_a_deadline_of_the_client(greeter):
    with client(greeter) as caller:
        with pytest.raises(grpc.RpcError) as failed:
            caller.fail("that")
        assert (failed.value.code(), failed.value.details()) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "that is not wanted",
        )
        with pytest.raises(grpc.RpcError) as late:
            caller.sleep("5", timeout=0.3)
        assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    eventually(lambda: greeter.status_of("blue")["open"] == 0, "nothing is open")


def test_a_release_that_no_call_notices(greeter):
    with Load(greeter, KEY) as old, client(greeter) as caller:
        chat = Chat(caller, KEY)
        assert chat.says("here") == "1 here"
        greeter.develop("2")
        greeter.bgctl("up-green", "2")
        greeter.bgctl("route", "enable-green")
        old.more()
        with Load(greeter, OTHER) as new:
            new.more()
            old.more()
            assert set(old.seen) == {"1"}
            assert set(new.seen) == {"2"}
            assert greeter.status_of("blue")["websockets"] >= 1
            assert chat.says("still") == "1 still"
            chat.close()
            old.__exit__()
            greeter.bgctl("drain", "--timeout", "60s")
            greeter.bgctl("promote")
            new.more()
        assert set(new.seen) == {"2"}, "0 failed, 0 flipped"
    assert greeter.state()["slots"]["blue"]["version"] == "2"


def test_a_slot_that_is_ill_or_gone(greeter):
    greeter.expected.append(GONE)
    with client(greeter) as caller, client(greeter, greeter.ports.blue) as blue:
        eventually(lambda: greeter.status_of("blue")["health"]["up"], "blue is up")
        blue.feel("NOT_SERVING")
        ill = {"up": False, "why": "web: answered NOT_SERVING"}
        eventually(lambda: ill.items() <= greeter.status_of("blue")["health"].items(), "it says why")
        blue.feel("SERVING")
        eventually(lambda: greeter.status_of("blue")["health"]["up"], "and well")
        failures = greeter.metric('bgctl_requests_total{slot="blue"')
        greeter.container("web-blue").stop(timeout=5)
        try:
            with pytest.raises(grpc.RpcError) as gone:
                caller.hello("you")
            assert gone.value.code() == grpc.StatusCode.UNAVAILABLE
            assert "does not answer" in gone.value.details()
            page = requests.get(greeter.url, headers={"Accept": "text/html"}, timeout=10)
            assert (page.status_code, "<html" in page.text) == (503, True)
        finally:
            greeter.container("web-blue").start()
        eventually(lambda: answers(caller), "it answers again")
        assert greeter.metric('bgctl_requests_total{slot="blue"') > failures
        greeter.bgctl("maintenance", "on")
        with pytest.raises(grpc.RpcError) as closed:
            caller.hello("you")
        assert closed.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "being worked on" in closed.value.details()
        greeter.bgctl("maintenance", "off")


def answers(caller: Any) -> bool:
    try:
        return bool(caller.hello("you", timeout=5))
    except grpc.RpcError:
        return False


def test_a_release_of_replicas_through_tls(tmp_path):
    with running(tmp_path / "project", Secured, tls=True, ports=Ports.free(2), idle_timeout="3s") as one:
        assert isinstance(one, Secured)
        with client(one) as caller:
            asked = {caller.hello("who").split()[0] for _ in range(4)}
            assert asked == {"1"}
        with Load(one, KEY) as old:
            one.develop("2")
            one.bgctl("up-green", "2")
            one.bgctl("route", "enable-green")
            with Load(one, OTHER) as new:
                new.more()
                old.more()
                assert (set(old.seen), set(new.seen)) == ({"1"}, {"2"}), "0 failed, 0 flipped"
