"""A proxy without nginx: the routing modules on a state, with the keys of a project."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from hmac import digest
from pathlib import Path

from tests.lua.support.luajit import NGINX_STUB, Lua, plain

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
        stub = NGINX_STUB
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
            "session_cookies": [],
            **{"pin_domain": "", "pin_same_site": "lax"},
            **{"token_headers": [], "token_cookies": [], "has_further_tokens": False},
        } | changes
        self.settings = self.lua.table(self.given)
        self.router[b"init"](self.settings)
        self.lua.module("routing.page_versions")[b"begin"](True, 604800)
        self.lua.module("activity.recorder")[b"init"](self.settings)
        epoch = plain(self.lua.module("routing.page_versions")[b"name"](b"s"))
        self.pages = epoch
        self.state_file = folder / "state.json"

    def learn_provider(self, folder: Path) -> None:
        """A key "idp" beside our own, for tokens that are not ours."""
        ring = json.loads((folder / "keyring.json").read_text())
        ring["keys"].append({"kid": "idp", "alg": "HS256", "file": "key.secret", "signedBy": "app"})
        (folder / "keyring.json").write_text(json.dumps(ring))
        self.lua.module("tokens.credentials")[b"sync_keys"](NOW)

    def configure(self, state: dict[str, object], migrate: str) -> None:
        self.settings[b"migrate"] = migrate.encode()
        self.state_file.write_text(json.dumps(state))
        self.lua.runtime.execute(b'require("bg.routing.router").state_file:poll()')

    def asked(self, asked: Mapping[str, object]):
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


def slot(version: str, state: str, weight: int = 0) -> dict[str, object]:
    return {"version": version, "state": state, "weight": weight}


STATES = {
    "rest": ("rest", slot("1.6.7", "ready", 100), slot("1.6.8", "maint")),
    "candidate": ("candidate", slot("1.6.7", "ready", 100), slot("1.6.8", "maint")),
    "preview": ("preview", slot("1.6.7", "ready", 100), slot("1.6.8", "drain")),
    "canary": ("canary", slot("1.6.7", "ready", 60), slot("1.6.8", "ready", 40)),
    "draining": ("draining", slot("1.6.7", "drain"), slot("1.6.8", "ready", 100)),
    "given up": ("draining", slot("1.6.7", "maint"), slot("1.6.8", "ready", 100)),
}
