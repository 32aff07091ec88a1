"""An app that speaks HTTP/2 without TLS, and nothing else, behind the proxy."""

from __future__ import annotations

from tests.e2e.support.cases import Case
from tests.e2e.support.stacks import running

PAGE = {"Accept": "text/html"}


class Framed(Case):
    kind = "framed"
    own = 'port = 8080\nprotocol = "h2c"\nhealth = "container"'


def test_people_are_served_and_stay_where_they_are_through_a_switch(tmp_path):
    with running(tmp_path / "project", Framed) as one:
        assert isinstance(one, Framed)
        ada, body = one.visitor(), b"x" * 3_000_000
        host = f"127.0.0.1:{one.ports.proxy}"
        assert ada.get(f"{one.url}/", headers=PAGE, timeout=10).text == f"1 HTTP/2.0 GET {host} 0"
        one.develop("2")
        one.bgctl("up-green", "2")
        one.bgctl("route", "enable-green")
        for _ in range(20):
            new = one.visitor().get(f"{one.url}/", headers=PAGE, timeout=10)
            assert new.text == f"2 HTTP/2.0 GET {host} 0"
            held = ada.post(f"{one.url}/", data=body, timeout=10)
            assert held.text == f"1 HTTP/2.0 POST {host} {len(body)}"
