"""What explain says is what the router does, for requests of every kind; and asking changes nothing."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import digest
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from luajit import Lua, plain

NOW = 1_800_000_000
SECRET = b"p" * 40
VERSIONS = ["1.6.7", "1.6.8", "1.6.9"]
ROUTES = [
    {"location": "/", "service": "frontend", "slotted": True},
    {"location": "/api/deployment/", "service": "session-api", "slotted": False},
    {"location": "= /api/deployment", "service": "frontend", "slotted": True},
    {"location": "/shared/", "service": "catalogue", "slotted": False},
]


def token(kid: str, issuer: str, **claims: object) -> str:
    def text(value: object) -> str:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        return urlsafe_b64encode(data).rstrip(b"=").decode()

    body = {"iat": NOW - 9, "exp": NOW + 600, "iss": issuer, **claims}
    signed = f"{text({'alg': 'HS256', 'kid': kid})}.{text(body)}"
    return f"{signed}.{text(digest(SECRET, signed.encode(), sha256))}"


class Proxy:
    """The routing modules on a state, with the keys of a project and a nginx that is a table."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self.lua = Lua()
        stub = (Path(__file__).parent / "nginx_stub.lua").read_bytes()
        self.lua.runtime.execute(stub)(NOW)
        (folder / "pin.secret").write_bytes(SECRET)
        (folder / "key.secret").write_bytes(SECRET)
        ring = {"schema": 1, "sign": "k", "keys": [{"kid": "k", "alg": "HS256", "file": "key.secret"}]}
        (folder / "keyring.json").write_text(json.dumps(ring))
        self.router, self.explain = self.lua.module("routing.router"), self.lua.module("control.explain")
        self.request = self.lua.module("routing.request")
        self.given = {
            **{
                "issuer": "bgctl",
                "leeway": 60,
                "token_longest": 604800,
                "secure_cookies": False,
                "cookie_stem": "bg",
                "pin_idle": 1800,
                "keeps_pages": True,
            },
            **{
                "pin_key_file": str(folder / "pin.secret"),
                "keys_dir": str(folder),
                "active_window": 1800,
                "held_every": 10,
            },
            **{"session_cookie": "bg_session=", "pin_cookie": "bg_pin=", "update_cookie": "bg_update="},
            **{
                "preview_cookie": "bg_preview=",
                "migrate": "navigation",
                "migrate_idle": 60,
                "routes": ROUTES,
            },
            **{
                "state_file": str(folder / "state.json"),
                "proxy_name": "x",
                "page_cookie": "bg_page=",
                "pin_name": "bg_pin=",
            },
            "key_headers": [{"name": "authorization", "variable": "http_authorization"}],
            **{"pin_domain": "", "pin_same_site": "lax"},
        } | changes
        self.settings = self.lua.table(self.given)
        self.router[b"init"](self.settings)
        self.lua.module("routing.page_versions")[b"begin"](True, 604800)
        self.lua.module("activity.recorder")[b"init"](self.settings)
        epoch = plain(self.lua.module("routing.page_versions")[b"name"](b"s"))
        self.pages = epoch
        self.state_file = folder / "state.json"

    def configure(self, state: dict[str, object], migrate: str) -> None:
        self.settings[b"migrate"] = migrate.encode()
        self.state_file.write_text(json.dumps(state))
        self.lua.runtime.execute(b'require("bg.routing.router").state_file:poll()')

    def asked(self, asked: dict[str, object]):  # type: ignore[no-untyped-def]
        return self.request[b"described"](self.lua.table(asked))

    def memory(self) -> object:
        """All that a request could leave behind: shared memory, and what waits to be folded."""
        code = b"""
            local all = {}
            for name, dict in pairs(ngx.shared) do
                for key, value in pairs(dict.kept) do
                    all[name .. key] = type(value) == "table" and table.concat(value, " ") or tostring(value)
                end
            end
            return all
        """
        self.lua.module("lib.counters")[b"fold"]()
        self.lua.module("activity.recorder")[b"tick"]()
        return plain(self.lua.runtime.execute(code))


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Proxy:
    return Proxy(tmp_path_factory.mktemp("routing"))


def slot(version: str, state: str, weight: int = 0) -> dict[str, object]:
    return {"version": version, "state": state, "weight": weight}


STATES = {
    "rest": ("rest", slot("1.6.7", "ready", 100), slot("1.6.8", "maint")),
    "preview": ("preview", slot("1.6.7", "ready", 100), slot("1.6.8", "drain")),
    "canary": ("canary", slot("1.6.7", "ready", 60), slot("1.6.8", "ready", 40)),
    "draining": ("draining", slot("1.6.7", "drain"), slot("1.6.8", "ready", 100)),
    "given up": ("draining", slot("1.6.7", "maint"), slot("1.6.8", "ready", 100)),
}

OPAQUE = ["Basic " + "dTpw" * 20, "Bearer " + "opaque" * 20, "Bearer a.b.c.d.e"]
OFTEN = st.sampled_from([*VERSIONS, *VERSIONS[:2], *VERSIONS[:2]])


@st.composite
def tokens(draw, kid: str, issuer: str, **more):  # type: ignore[no-untyped-def]
    """A token that is absent, bad, expired, or says one of the versions."""
    kind = draw(st.sampled_from(["absent", "bad", "expired", *["good"] * 4]))
    if kind in ("absent", "bad"):
        return {"absent": None, "bad": "a.b.c"}[kind]
    claims = {"sid": draw(st.sampled_from(["s", "t"])), "deploymentVersion": draw(OFTEN)}
    for name, values in more.items():
        if (value := draw(values)) is not None:
            claims[name] = value
    return token(kid, issuer, **claims, **({"exp": 1_000_000_000} if kind == "expired" else {}))


@st.composite
def requests(draw, pages: str):  # type: ignore[no-untyped-def]
    session = tokens("k", "bgctl", userId=st.just("ada"))
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
    *("gate", "preview", "page", "moved", "bearer", "cookie", "pin", "credential", "new", "migrated"),
    "health",
]


@settings(max_examples=1500)
@given(st.data(), st.sampled_from(sorted(STATES)), st.sampled_from(["never", "idle", "navigation"]))
def test_what_it_says_is_what_happens(proxy, data, name, migrate):
    phase, blue, green = STATES[name]
    document = {"schema": 1, "generation": 1, "phase": phase, "slots": {"blue": blue, "green": green}}
    proxy.configure(document, migrate)
    request = data.draw(requests(proxy.pages))
    before = proxy.memory()
    said = plain(proxy.explain[b"of"](proxy.asked(request), NOW))
    assert proxy.memory() == before, "asking changes nothing"

    slotted = request["path"] != "/api/deployment/refresh"
    decision = proxy.router[b"route"](proxy.asked(request), NOW, slotted)
    slot, pin, terms = decision[b"slot"], decision[b"cookie"], decision[b"terms"]
    assert said["reason"] == plain(decision[b"reason"])
    if "slot" in said:
        assert (said["slot"], said["version"]) == (plain(slot[b"name"]), plain(slot[b"version"]))
        assert ("pin" in said) == (pin is not None and terms in (None, b"surely"))
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
        assert alone is (name in ("rest", "preview")), name


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
