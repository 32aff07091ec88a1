"""A project that proxy and session API share: the real Lua, and the real application, over one keys/."""

from __future__ import annotations

from pathlib import Path

from session_api.app import create_app
from session_api.keys import app_keys, keyring, signing_keys
from session_api.settings import Settings
from session_api.state.state import State
from session_api.stores.sqlite.store import SqliteStore
from tests.lua.support.luajit import plain
from tests.lua.support.proxy import Proxy, slot
from tests.unit.session_api.support.api import Api
from tests.unit.session_api.support.data import NOW, HandClock, write_state

SECRET = b"0123456789abcdef0123456789abcdef"  # that of tests/cases/tokens


class Project:
    """A release under way: 1.6.7 drains, new sessions get 1.6.8; the real Lua, and the real application."""

    def __init__(
        self,
        folder: Path,
        imported: str,
        version_claim: str = "deploymentVersion",
        headers: tuple[str, ...] = (),
        cookies: tuple[str, ...] = (),
    ) -> None:
        self.folder, self.keys, self.clock, self.pin = folder, folder / "keys", HandClock(), ""
        if imported == "to sign with":
            signing_keys.create(self.keys, "HS256", now=NOW - 60, secret=SECRET)
        else:
            signing_keys.create(self.keys, now=NOW - 60)
            app_keys.trust(self.keys, "HS256", SECRET, now=NOW - 60)
        self.proxy = Proxy(
            folder,
            keys_dir=str(self.keys / "verify"),
            version_claim=version_claim,
            token_headers=[{"name": name} for name in headers],
            token_cookies=[{"name": name, "wanted": f"{name}="} for name in cookies],
            has_further_tokens=bool(headers or cookies),
        )
        slots = {"blue": slot("1.6.7", "drain"), "green": slot("1.6.8", "ready", 100)}
        self.proxy.configure({"schema": 1, "generation": 1, "phase": "draining", "slots": slots}, "never")
        state = folder / "api.json"
        write_state(state, ("1.6.7", "drain", 0), ("1.6.8", "ready", 100))
        self.store = SqliteStore(folder / "sessions.db", 1800, self.clock, busy_timeout=30)
        given = Settings(
            issuer="bgctl",
            idle_timeout=1800,
            version_claim=version_claim,
            token_headers=headers,
            token_cookies=cookies,
        )
        app = create_app(self.store, keyring.Keyring(self.keys), State(state), self.clock, given)
        self.api = Api(app, self.keys, self.clock)

    def route(self, token: str, **more: str) -> tuple[str, str, object]:
        """Version, rule and session, as the proxy has them. `pin`: what the answer brings, as a cookie."""
        request = {"headers": {"Authorization": f"Bearer {token}", **more}, "path": "/", "method": "GET"}
        decision = self.proxy.router[b"route"](self.proxy.asked(request), int(self.clock()), True)
        version, reason = plain(decision[b"slot"][b"version"]), plain(decision[b"reason"])
        self.pin = (plain(decision[b"cookie"]) or "").partition(";")[0]
        return version, reason, decision[b"identity"]

    def explain(self, token: str) -> dict[str, str]:
        asked = self.proxy.asked({"authorization": f"Bearer {token}"})
        said = plain(self.proxy.explain[b"of"](asked, int(self.clock())))
        return next(row for row in said["rules"].values() if row["rule"] == "bearer")

    def beat(self, token: str) -> str:
        answer = self.api.post("/api/deployment/heartbeat", token)
        return "used" if answer.status_code == 200 else answer.json["detail"]

    def counted(self) -> int:
        """Sessions on 1.6.7."""
        return int(self.api.census().json["versions"]["1.6.7"]["sessions"])

    def report(self, who: object) -> None:
        """What the proxy tells of a session that it has just seen."""
        named = (plain(who[b"key"])[2:], plain(who[b"user"]), "1.6.7")  # type: ignore[index]
        self.api.report([*named, self.clock(), plain(who[b"exp"]), plain(who[b"issued"])])  # type: ignore[index]

    def tell(self) -> None:
        """What the proxy would report of all that it has noted."""
        self.proxy.lua.module("activity.recorder")[b"tick"]()
        names, memory = self.proxy.lua.module("lib.names"), self.proxy.lua.module("activity.memory")
        rows = [(key, memory[b"get"](key)) for key in memory[b"keys"]().values()]
        self.api.report(
            *(
                [
                    *(plain(key)[2:], plain(row[b"user"]), plain(row[b"version"]), self.clock()),
                    *(row[b"exp"], row[b"iat"]),
                    *([plain(names[b"kind"](key))] if names[b"kind"](key) else []),
                ]
                for key, row in rows
            )
        )

    def close(self) -> None:
        self.store.close()
