"""How a service that runs is asked for its health: a real server, on loopback."""

from collections.abc import Callable

import pytest

from tests.web_server import Web
from toolkit.engine.compose_forms import Binding
from toolkit.init import probe
from toolkit.init.probe import Seen

OK = (200, b"OK")


def at(server: Web, host: str = "") -> Binding:
    return Binding(host, int(server.address.rpartition(":")[2]), 8000)


@pytest.mark.parametrize(
    ("answers", "path"),
    [
        ({"/health": OK, "/": OK}, "/health"),
        ({"/up": (204, b""), "/": OK}, "/up"),
        ({"/": OK}, "/"),
        ({probe.NOWHERE: OK, "/health": OK, "/": OK}, "/"),
        ({probe.NOWHERE: OK, "/health": OK}, "/health"),
    ],
)
def test_the_first_path_that_is_well(web: Callable[[], Web], answers: dict[str, object], path: str) -> None:
    server = web()
    server.answers.update(answers)  # type: ignore[arg-type]
    assert probe.look(at(server), "") == Seen(path)


def test_it_is_asked_as_browsers_ask(web: Callable[[], Web]) -> None:
    server = web()
    server.answers["/health"] = OK
    probe.look(at(server), "shop.example")
    assert {headers["Host"] for _, headers, _ in server.requests} == {"shop.example"}


def test_an_app_that_insists_on_https(web: Callable[[], Web]) -> None:
    server = web()

    def answer() -> tuple[int, bytes]:
        return (200, b"") if server.requests[-1][1]["X-Forwarded-Proto"] == "https" else (301, b"")

    server.answers.update(dict.fromkeys((probe.NOWHERE, *probe.PATHS), answer))
    server.answers[probe.NOWHERE] = lambda: (404, b"") if answer()[0] == 200 else (301, b"")
    assert probe.look(at(server), "") == Seen("/health", https=True)


def test_an_app_that_refuses_the_host(web: Callable[[], Web]) -> None:
    server = web()
    server.answers.update(dict.fromkeys((probe.NOWHERE, *probe.PATHS), (400, b"")))
    assert probe.look(at(server), "") == Seen(refused=400)


@pytest.mark.parametrize(
    "binding", [None, Binding("", 0, 8000), Binding("192.0.2.1", 80, 8000), Binding("", 1, 8000)]
)
def test_nobody_is_asked_elsewhere_and_silence_is_no_answer(binding: Binding | None) -> None:
    assert probe.look(binding, "") == Seen()
