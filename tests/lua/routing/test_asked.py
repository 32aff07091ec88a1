"""X-Deployment-Version in a request: which version answers, and what it does not do."""

from __future__ import annotations

import pytest

from tests.lua.support.luajit import plain
from tests.lua.support.proxy import NOW, STATES, Proxy, slot, token

FETCH = {
    "sec-fetch-mode": "cors",
    "sec-fetch-dest": "empty",
    "sec-fetch-site": "same-origin",
    "accept": "*/*",
}
LOAD = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "accept": "text/html"}


@pytest.fixture
def proxy(tmp_path) -> Proxy:
    return Proxy(tmp_path)


def put(proxy: Proxy, name: str) -> None:
    phase, blue, green = STATES[name]
    document = {"schema": 1, "generation": 1, "phase": phase, "slots": {"blue": blue, "green": green}}
    proxy.configure(document, "never")


def routed(proxy: Proxy, headers: dict[str, str], slotted: bool = True) -> tuple[str, str, str | None]:
    """Who answers, by which rule, and the cookie that the browser gets."""
    asked = {"method": "GET", "path": "/api/notes", "host": "x", "headers": dict(headers)}
    found = proxy.router[b"route"](proxy.asked(asked), NOW, slotted)
    cookie = found[b"cookie"]
    return plain(found[b"slot"][b"version"]), plain(found[b"reason"]), cookie and plain(cookie)


def pin(version: str) -> dict[str, str]:
    claims = {"sid": "s", "deploymentVersion": version, "deploymentGeneration": 1}
    return {"cookie": "bg_pin=" + token("pin", "bgctl-pin", **claims)}


@pytest.mark.parametrize(("mine", "asked"), [("1.6.7", "1.6.8"), ("1.6.8", "1.6.7")])
@pytest.mark.parametrize("name", ["canary", "draining"])
def test_it_holds_for_that_request_alone(proxy: Proxy, name: str, mine: str, asked: str) -> None:
    put(proxy, name)
    before = routed(proxy, FETCH | pin(mine))
    assert before[:2] == (mine, "pin")
    version, reason, cookie = routed(proxy, FETCH | pin(mine) | {"x-deployment-version": asked})
    assert (version, reason) == (asked, "asked")
    assert cookie == before[2], "no pin moves"
    assert routed(proxy, FETCH | pin(mine))[:2] == (mine, "pin")


def test_the_session_is_counted_where_it_is(tmp_path) -> None:
    """What a proxy remembers of it is the same, whichever version answered."""

    def remembered(second: dict[str, str]) -> object:
        proxy = Proxy(tmp_path)
        put(proxy, "draining")
        routed(proxy, FETCH | pin("1.6.7"))
        proxy.memory()
        routed(proxy, FETCH | pin("1.6.7") | second)
        memory = dict(proxy.memory())  # type: ignore[call-overload]
        del memory["bg_feedpages_epoch"]  # it is drawn with each start
        return memory

    plainly = remembered({})
    assert any("1.6.7" in str(value) for value in plainly.values())  # type: ignore[attr-defined]
    assert remembered({"x-deployment-version": "1.6.8"}) == plainly


@pytest.mark.parametrize("asked", ["1.6.6", "", "x" * 9000, "1.6.8 ", "blue", "../1.6.8"])
def test_what_is_not_served_is_as_without_it(proxy: Proxy, asked: str) -> None:
    put(proxy, "draining")
    assert routed(proxy, FETCH | pin("1.6.7") | {"x-deployment-version": asked})[:2] == ("1.6.7", "pin")


def test_a_page_load_has_the_version_of_its_session(proxy: Proxy) -> None:
    put(proxy, "draining")
    assert routed(proxy, LOAD | pin("1.6.7") | {"x-deployment-version": "1.6.8"})[:2] == ("1.6.7", "pin")


@pytest.mark.parametrize("name", ["preview", "rest"])
def test_a_version_that_is_only_previewed_is_not_reached_by_it(proxy: Proxy, name: str) -> None:
    put(proxy, name)
    for headers in (FETCH, pin("1.6.7"), FETCH | pin("1.6.7"), {"authorization": "Basic " + "dTpw" * 20}):
        assert routed(proxy, headers | {"x-deployment-version": "1.6.8"})[0] == "1.6.7"


def test_a_preview_shows_its_version_all_the_same(proxy: Proxy) -> None:
    put(proxy, "canary")
    shown = {"cookie": "bg_preview=" + token("preview", "bgctl-preview", sid="p", deploymentVersion="1.6.8")}
    assert routed(proxy, FETCH | shown | {"x-deployment-version": "1.6.7"})[:2] == ("1.6.8", "preview")


def test_an_api_client_keeps_its_version(proxy: Proxy) -> None:
    put(proxy, "canary")
    key = {"authorization": "Basic " + "dTpw" * 20}
    mine = routed(proxy, key)[0]
    (other,) = {"1.6.7", "1.6.8"} - {mine}
    assert routed(proxy, key | {"x-deployment-version": other})[:2] == (other, "asked")
    assert routed(proxy, key)[:2] == (mine, "credential")


def test_a_service_of_both_versions_is_told_the_sessions_version(proxy: Proxy) -> None:
    put(proxy, "draining")
    asked = FETCH | pin("1.6.7") | {"x-deployment-version": "1.6.8"}
    assert routed(proxy, asked, slotted=False)[:2] == ("1.6.7", "pin")


def test_slots_of_one_version_share_it(proxy: Proxy) -> None:
    proxy.configure(
        {
            "schema": 1,
            "generation": 1,
            "phase": "promoting",
            "slots": {"blue": slot("1.6.8", "ready", 100), "green": slot("1.6.8", "drain")},
        },
        "never",
    )
    assert routed(proxy, FETCH | {"x-deployment-version": "1.6.8"})[1] != "asked"
