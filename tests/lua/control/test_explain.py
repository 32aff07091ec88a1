"""What explain says is what the router does, for requests of every kind; and asking changes nothing."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lua.support.luajit import plain
from tests.lua.support.proxy import NOW, ROUTES, STATES, VERSIONS, Proxy, token

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Proxy:
    cookie = {"name": "sid", "wanted": "sid=", "variable": "upstream_cookie_sid"}
    folder = tmp_path_factory.mktemp("routing")
    made = Proxy(folder, session_cookies=[cookie])
    made.learn_provider(folder)
    return made


OPAQUE = ["Basic " + "dTpw" * 20, "Bearer " + "opaque" * 20, "Bearer a.b.c.d.e"]
OFTEN = st.sampled_from([*VERSIONS, *VERSIONS[:2], *VERSIONS[:2]])


@st.composite
def tokens(draw, /, kid: str, issuer: str, **more):
    """A token that is absent, bad, expired, or says one of the versions (a provider's: none)."""
    kind = draw(st.sampled_from(["absent", "bad", "expired", *["good"] * 4]))
    if kind in ("absent", "bad"):
        return {"absent": None, "bad": "a.b.c"}[kind]
    claims = {
        "sid": draw(st.sampled_from(["s", "t"])),
        "deploymentVersion": None if kid == "idp" else draw(OFTEN),
    }
    for name, values in more.items():
        if (value := draw(values)) is not None:
            claims[name] = value
    return token(kid, issuer, **claims, **({"exp": 1_000_000_000} if kind == "expired" else {}))


@st.composite
def requests(draw, /, pages: str):
    provided = tokens("idp", "idp", sub=st.sampled_from([None, "ada"]))
    session = tokens("k", "bgctl", userId=st.just("ada")) | provided
    pin = tokens(
        "pin",
        "bgctl-pin",
        bound=st.sampled_from([None, True]),
        pages=st.sampled_from([None, pages, pages]),
        **{"from": st.sampled_from([None, *VERSIONS, "1.6.7", "1.6.7"])},
    )
    shown = {
        "bg_session": draw(session),
        "bg_pin": draw(pin),
        "bg_update": draw(st.sampled_from([None, None, "1"])),
    }
    shown["sid"] = draw(st.none() | st.sampled_from([f"{letter * 44}" for letter in "xyz"]))
    shown["bg_preview"] = draw(st.none() | st.none() | tokens("preview", "bgctl-preview"))
    shown["bg_page"] = draw(st.none() | st.none() | tokens("page", "bgctl-page"))
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in shown.items() if value)}
    if bearer := draw(st.none() | st.none() | session):
        headers["authorization"] = f"Bearer {bearer}"
    elif draw(st.booleans()):
        headers["authorization"] = draw(st.sampled_from(OPAQUE))
    for name, values in {
        "sec-fetch-mode": ["navigate", "cors"],
        "sec-fetch-dest": ["document", "empty"],
        "sec-fetch-site": ["cross-site", "same-origin"],
        "origin": ["https://x", "https://y", "null"],
        "referer": ["https://x/board", "https://y/"],
        "x-deployment-version": [*VERSIONS, "x"],
    }.items():
        if value := draw(st.sampled_from([None, *values])):
            headers[name] = value
    path = draw(st.sampled_from(["/", "/board", "/api/deployment/refresh"]))
    return {
        "method": draw(st.sampled_from(["GET", "GET", "POST"])),
        "path": path,
        "host": "x",
        "headers": headers,
    }


RULES = [
    *("gate", "preview", "page", "moved", "bearer", "cookie", "pin", "session"),
    *("credential", "new", "migrated", "asked", "health"),
]


TICKS = 11  # after which all that earlier requests have left behind is folded, and to be told


def remembered(proxy):
    """But for the tokens that were verified: that is no news of anybody."""
    return {key: value for key, value in proxy.memory().items() if not key.startswith("bg_verified")}


@settings(max_examples=1500)
@given(st.data(), st.sampled_from(sorted(STATES)), st.sampled_from(["never", "idle", "navigation"]))
def test_what_it_says_is_what_happens(proxy, data, name, migrate):
    phase, blue, green = STATES[name]
    document = {"schema": 1, "generation": 1, "phase": phase, "slots": {"blue": blue, "green": green}}
    proxy.configure(document, migrate)
    request = data.draw(requests(proxy.pages))
    for _ in range(TICKS):
        proxy.memory()
    before = remembered(proxy)
    said = plain(proxy.explain[b"of"](proxy.asked(request), NOW))
    assert remembered(proxy) == before, "asking changes nothing"

    slotted = request["path"] != "/api/deployment/refresh"
    decision = proxy.router[b"route"](proxy.asked(request), NOW, slotted)
    slot, pin, terms = decision[b"slot"], decision[b"cookie"], decision[b"terms"]
    assert said["reason"] == plain(decision[b"reason"])
    if "slot" in said:
        assert (said["slot"], said["version"]) == (plain(slot[b"name"]), plain(slot[b"version"]))
        gets_pin = pin is not None and terms in (None, b"surely")
        assert ("pin" in said) == gets_pin or said["reason"] == "asked", (
            "a newcomer's pin is still to be drawn"
        )
    else:
        assert (phase, said["reason"]) in {("canary", "new"), ("canary", "retired")}
    used = [row for row in said["rules"].values() if row["outcome"] == "used"]
    assert len(used) == 1
    assert {"bearer": "token", "cookie": "token"}.get(used[0]["rule"], used[0]["rule"]) == said["reason"]
    names = [said["rules"][place]["rule"] for place in sorted(said["rules"])]
    assert [{"retired": "new"}.get(each, each) for each in names] == RULES
    assert all(row["why"] for row in said["rules"].values())
    tokens = [part for header in request["headers"].values() for part in header.split(".") if len(part) > 40]
    tokens += [word for word in OPAQUE[:2] if word == request["headers"].get("authorization")]
    tokens += re.findall(r"\bsid=(\w+)", request["headers"]["cookie"])
    assert not [part for part in tokens if part.split()[-1] in json.dumps(said)], "no token is echoed"


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_preview_outranks_everything_but_maint(proxy, name, version):
    phase, blue, green = STATES[name]
    proxy.configure(
        {"schema": 1, "generation": 1, "phase": phase, "slots": {"blue": blue, "green": green}}, "navigation"
    )
    cookies = {
        "bg_preview": token("preview", "bgctl-preview", sid="p", deploymentVersion=version),
        "bg_session": token("k", "bgctl", sid="s", deploymentVersion="1.6.7", userId="ada"),
        "bg_pin": token("pin", "bgctl-pin", sid="s", deploymentVersion="1.6.8", **{"from": "1.6.7"}),
    }
    headers = {"cookie": "; ".join(f"{key}={value}" for key, value in cookies.items())}
    request = {
        "path": "/",
        "headers": {**headers, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
    }
    decision = proxy.router[b"route"](proxy.asked(request), NOW, True)
    slot, reason, pin = decision[b"slot"], plain(decision[b"reason"]), decision[b"cookie"]
    serving = {each["version"] for each in (blue, green) if each["state"] != "maint"}
    if version in serving:
        assert (reason, plain(slot[b"version"]), pin) == ("preview", version, None)
        assert plain(decision[b"holder"][b"version"]) == version
    else:
        assert reason != "preview"


def test_while_nobody_is_sent_to_green_blue_has_no_backup(proxy):
    routes = proxy.lua.module("routing.routing_table")
    for name, (phase, blue, green) in STATES.items():
        document = {"schema": 1, "generation": 1, "phase": phase, "slots": {"blue": blue, "green": green}}
        table = plain(routes[b"parse"](json.dumps(document).encode()))
        alone = table["slots"]["blue"]["upstream"] == "blue_alone"
        assert alone is (name in ("rest", "candidate", "preview")), name


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/", "frontend"),
        ("/board?x=/api/deployment/", "frontend"),
        ("/api/deployment", "frontend"),
        ("/api/auth/refresh", "frontend"),
        ("/shared/x", "catalogue"),
        ("/shared", None),  # nginx redirects
        ("/shared?x", None),
        ("/sharedness", "frontend"),
        ("/api/deployment/refresh", "session-api"),
        ("/api//deployment/./x", "session-api"),
        ("/x/../api/deployment/", "session-api"),
        ("/%61pi/deployment/x", "session-api"),
        ("/internal/activity", "frontend"),
        ("/_bgctl/activity", None),
        ("/_bgctl/preview?token=x", None),
        ("/_bgctl/other", None),
        ("/_bgctl", "frontend"),
        ("//_bgctl/./x", None),
    ],
)
def test_the_service_of_a_path(proxy, path, service):
    found = proxy.lua.module("control.location")[b"find"](proxy.lua.table(ROUTES), path.encode())
    assert (plain(found[b"service"]) if found else None) == service


def test_an_expired_token_says_when(proxy):
    phase, blue, green = STATES["draining"]
    proxy.configure(
        {"schema": 1, "generation": 1, "phase": phase, "slots": {"blue": blue, "green": green}}, "never"
    )
    old = token("k", "bgctl", sid="s", deploymentVersion="1.6.7", exp=NOW - 3600)
    said = plain(proxy.explain[b"of"](proxy.asked({"authorization": f"Bearer {old}"}), NOW))
    (row,) = [row for row in said["rules"].values() if row["rule"] == "bearer"]
    assert (row["outcome"], row["why"]) == ("rejected", "expired at 2027-01-15T07:00:00Z")


@pytest.mark.parametrize(
    ("exp", "reason", "why"),
    [
        (NOW + 604861, "too_long", "good until 2027-01-22T08:01:01Z, longer than [tokens] longest allows"),
        ((NOW + 600) * 1000, "claims", "its exp is in milliseconds, it seems; exp counts seconds"),
    ],
)
def test_a_token_that_lasts_for_too_long_says_so(proxy, exp, reason, why):
    phase, blue, green = STATES["draining"]
    proxy.configure(
        {"schema": 1, "generation": 1, "phase": phase, "slots": {"blue": blue, "green": green}}, "never"
    )
    long = token("k", "bgctl", sid="s", deploymentVersion="1.6.7", iat=NOW, exp=exp)
    said = plain(proxy.explain[b"of"](proxy.asked({"cookie": f"bg_session={long}"}), NOW))
    (row,) = [row for row in said["rules"].values() if row["rule"] == "cookie"]
    assert (row["outcome"], row["reason"], row["why"]) == ("rejected", reason, why)
