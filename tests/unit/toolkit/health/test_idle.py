"""Services that close idle connections, measured on real ones (threat 85)."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import CANDIDATE, NONE, READY, World
from toolkit.health import idle
from toolkit.release import up_green
from toolkit.values import Address, Duration

pytestmark = pytest.mark.whole

OK = b'{"version": "1.6.8"}'
Start = Callable[..., Address]


class Server:
    """Answers every request on a connection, and closes it `idle` seconds after the last one; None: never."""

    def __init__(
        self,
        idle: float | None,
        head: str = "",
        chunked: bool = False,
        first: str = "HTTP/1.1",
        raw: bytes = b"",
    ) -> None:
        self.idle, self.head, self.chunked, self.first, self.raw = idle, head, chunked, first, raw
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0))
        self.address = Address("{}:{}".format(*self.server.sockets[0].getsockname()))
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self.idle) as timer:
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(self.answer())
                    if self.idle is not None:
                        timer.reschedule(self.loop.time() + self.idle)
        except (TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def answer(self) -> bytes:
        if self.raw:
            return self.raw
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(OK), OK) if self.chunked else OK
        length = "Transfer-Encoding: chunked" if self.chunked else f"Content-Length: {len(OK)}"
        return f"{self.first} 200 OK\r\n{length}\r\n{self.head}\r\n".encode() + body

    def stop(self) -> None:
        async def end() -> None:
            self.server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Server] = []

    def one(*args: object, **kwargs: object) -> Address:
        running.append(Server(*args, **kwargs))  # type: ignore[arg-type]
        return running[-1].address

    yield one
    for server in running:
        server.stop()


@pytest.mark.threat(85)
@pytest.mark.parametrize("chunked", [False, True])
def test_85_the_time_until_it_closes_is_measured(start: Start, chunked: bool) -> None:
    seen = idle.closes_after(start(0.3, chunked=chunked), "/healthz", 5)
    assert seen is not None
    assert 0.2 < seen < 2


@pytest.mark.threat(85)
def test_85_one_that_outlasts_the_proxy_is_fine(start: Start) -> None:
    assert idle.closes_after(start(None), "/healthz", 0.2) is None


@pytest.mark.threat(85)
@pytest.mark.parametrize("how", [{"head": "Connection: close\r\n"}, {"first": "HTTP/1.0"}])
def test_85_one_that_keeps_no_connection_is_fine(start: Start, how: dict[str, str]) -> None:
    assert idle.closes_after(start(0.1, **how), "/healthz", 5) is None


@pytest.mark.threat(85)
@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\n\r\n" + OK,  # its close is the end of the answer
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nthis is no size\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
    ],
)
def test_85_one_whose_answer_has_no_end_of_its_own_is_told_by_others(start: Start, raw: bytes) -> None:
    assert idle.closes_after(start(0.1, raw=raw), "/healthz", 5) is None


@pytest.mark.threat(85)
def test_85_one_that_is_not_there_is_told_by_others(start: Start) -> None:
    assert idle.closes_after(Address("127.0.0.1:1"), "/healthz", 5) is None


@pytest.mark.threat(85)
@pytest.mark.parametrize(
    ("told", "expected"), [("timeout=5", None), ("timeout=2, max=100", 2), ("max=7", None)]
)
def test_85_its_word_saves_waiting(start: Start, told: str, expected: float | None) -> None:
    address = start(None, head=f"Keep-Alive: {told}\r\n")
    assert idle.closes_after(address, "/healthz", 4.5 if "timeout" in told else 0.1, believe=True) == expected


@pytest.mark.threat(85)
@pytest.mark.parametrize(
    ("closes", "setting"), [(2.03, "1s"), (5.01, "4s"), (1.0, "500ms"), (0.4, "200ms"), (0.05, "100ms")]
)
def test_85_the_setting_to_write_is_shorter(closes: float, setting: str) -> None:
    said = idle.advice("frontend-green", closes, Duration(4))
    assert f'write [proxy] upstream_keepalive = "{setting}"' in said


def served_by(world: World, start: Start, blue: float | None, green: float | None) -> None:
    text = (world.root / "bgctl.toml").read_text()
    for web, seconds in ((world.blue, blue), (world.green, green)):
        text = text.replace(web.address, start(seconds))
    (world.root / "bgctl.toml").write_text(
        text.replace('upstream_keepalive = "4s"', 'upstream_keepalive = "700ms"')
    )


@pytest.mark.threat(85)
def test_85_doctor_says_what_to_set(world: World, start: Start) -> None:
    world.put("rest", {**READY, "version": "1.6.8"}, NONE)
    served_by(world, start, 0.3, None)
    done = world.bgctl("doctor", "--json")
    found = {each["check"]: each for each in json.loads(done.stdout)["checks"]}["idle connections"]
    assert found["result"] == "warn"
    assert (
        "frontend-blue closes idle connections after 0.3 s, and the proxy keeps them for 0.7 s"
        in found["seen"]
    )
    assert "upstream_keepalive" in found["seen"]
    assert "frontend-green" not in found["seen"]


@pytest.mark.threat(85)
def test_85_up_green_says_it_and_goes_on(
    world: World, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put("candidate", {**READY, "version": "1.6.8"}, CANDIDATE)
    served_by(world, start, None, 0.3)
    project, _ = project_of(world)
    assert up_green.start(project, "1.6.8") == "green is healthy on 1.6.8"
    assert "warning: frontend-green closes idle connections after 0.3 s" in capsys.readouterr().err
