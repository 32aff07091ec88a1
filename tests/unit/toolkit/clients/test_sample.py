"""What is read of /metrics, and what of an answer that is torn, strange or late."""

import socket
from collections.abc import Callable

import msgspec
import pytest

from tests.web_server import Web
from toolkit.clients import exposition, sample
from toolkit.clients.look import Look
from toolkit.clients.sample import Sample
from toolkit.values import Address

AT = "2026-01-15T10:30:00Z"
PROXY = """# HELP bgctl_requests_total Requests.
# TYPE bgctl_requests_total counter
bgctl_requests_total{slot="blue",version="1.6.7",status="2xx"} 90
bgctl_requests_total{slot="blue",version="1.6.7",status="5xx"} 10
bgctl_requests_total{slot="green",version="1.6.8",status="2xx"} 0
bgctl_request_duration_seconds_bucket{slot="blue",version="1.6.7",le="0.005"} 40
bgctl_request_duration_seconds_bucket{slot="blue",version="1.6.7",le="0.1"} 70
bgctl_request_duration_seconds_bucket{slot="blue",version="1.6.7",le="+Inf"} 71
bgctl_failovers_total{slot="blue",version="1.6.7"} 3
bgctl_migrations_total 12
bgctl_start_time_seconds 1768473000.5
"""
API = """bgctl_api_store_up 1
bgctl_api_sessions{version="1.6.7"} 34
"""


def test_rows_and_what_is_none() -> None:
    text = 'a 1\nb{x="a\\"b\\\\c\\n",y=""} 2.5\n# c 3\nno\nd{x="y"} many\ne +Inf 1700\n'
    assert list(exposition.rows(text)) == [
        ("a", {}, 1.0),
        ("b", {"x": 'a"b\\c\n', "y": ""}, 2.5),
        ("e", {}, float("inf")),
    ]


def test_a_sample_has_what_a_release_is_told_by() -> None:
    found = sample.of(AT, PROXY, API)
    assert (found.started, found.moved, found.sessions) == (1768473000.5, 12, {"1.6.7": 34})
    (blue,) = found.counted
    assert (blue.slot, blue.version, blue.failovers) == ("blue", "1.6.7", 3)
    assert (blue.figures.requests, blue.figures.errors) == (100, 10)
    assert (blue.figures.bounds, blue.figures.counts) == ((0.005, 0.1), (40, 30, 1))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Sample) == found


def test_what_is_not_known_is_not_nothing() -> None:
    assert sample.of(AT, None, None).empty
    assert sample.of(AT, "", "").empty
    silent = sample.of(AT, PROXY, 'bgctl_api_store_up 0\nbgctl_api_sessions{version="1.6.7"} 34\n')
    assert silent.sessions is None
    assert not silent.empty


def test_torn_and_newer_lines() -> None:
    whole = msgspec.json.encode(Sample(AT, 1.0))
    newer = b'{"at":"x","started":2.0,"of_tomorrow":[1]}'
    found = sample.read([whole, whole[:-5], b"\xff", newer, b""])
    assert [each.started for each in found] == [1.0, 2.0]


def test_a_look_asks_both(web: Callable[[], Web]) -> None:
    proxy, api = web(), web()
    proxy.answers["/metrics"], api.answers["/metrics"] = (200, PROXY.encode()), (200, API.encode())
    assert Look(Address(proxy.address), Address(api.address), AT).sample() == sample.of(AT, PROXY, API)


@pytest.mark.parametrize("status", [404, 500])
def test_a_look_that_finds_nothing_says_so(web: Callable[[], Web], status: int) -> None:
    proxy = web()
    proxy.answers["/metrics"] = (status, b"bgctl_start_time_seconds 1\n")
    assert Look(Address(proxy.address), Address("127.0.0.1:1"), AT).sample().empty


def test_nobody_waits_for_a_proxy_that_hangs(web: Callable[[], Web]) -> None:
    api = web()
    api.answers["/metrics"] = (200, API.encode())
    with socket.create_server(("127.0.0.1", 0)) as proxy:  # it takes connections, and says nothing
        look = Look(Address(f"127.0.0.1:{proxy.getsockname()[1]}"), Address(api.address), AT)
        assert look.sample() == sample.of(AT, None, API)
