"""The proxy: its real Lua, as settings and state that bgctl wrote make it."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from session_api.keys import key_files
from tests.lua.support.luajit import NGINX_STUB, Lua
from toolkit import config
from toolkit.rendering import settings_json

HERE = Path(__file__).parent
CONFIGURATION = """
[project]
name = "shop"
[proxy]
secure_cookies = false
[sessions]
cookie = "sid"
[tokens]
cookies = ["at"]
[drain]
migrate = "{migrate}"
migrate_idle = "10m"
[services.frontend]
routes = ["/"]
blue = "127.0.0.1:8081"
green = "127.0.0.1:8083"
health = "/healthz"
[services.session-api]
routes = ["/api/deployment/"]
address = "127.0.0.1:8090"
health = "/readyz"
"""


class Answer(NamedTuple):
    """`pin` is a Set-Cookie value, or None."""

    version: str
    rule: str
    pin: str | None
    generation: int


class Proxy:
    def __init__(self, folder: Path, keys: Path, state: Path) -> None:
        self._settings = folder / "settings.json"
        self._files = {
            "state_file": str(state),
            "keys_dir": str(keys / "verify"),
            "pin_key_file": str(key_files.find(keys, "pin.secret")),
            "proxy_key_file": str(key_files.find(keys, "proxy.key")),
        }
        self._lua = Lua()
        turn = self._lua.runtime.execute(NGINX_STUB)
        self._rim = self._lua.runtime.execute((HERE / "proxy.lua").read_bytes())
        self._rim[b"begin"](turn)
        self._written: dict[str, bytes] = {}

    def rewind(self) -> None:
        self._rim[b"rewind"]()

    def start(self, migrate: str, restart: bool = True) -> None:
        """With nothing in memory; or (`restart` False) as after `bgctl reload`, with what is shared."""
        if migrate not in self._written:
            values = json.loads(settings_json.render(config.parse(CONFIGURATION.format(migrate=migrate))))
            self._written[migrate] = json.dumps(values | self._files).encode()
        self._settings.write_bytes(self._written[migrate])
        self._rim[b"start"](str(self._settings).encode(), restart)

    def read(self) -> None:
        """Takes the newest state."""
        why = self._rim[b"read"]()
        assert why is None, why

    def answered(self, now: int, line: str, cookies: str, version: str) -> None:
        """An answer with this Set-Cookie line is through."""
        self._rim[b"answered"](now, line.encode(), cookies.encode(), version.encode())

    def route(self, now: int, slotted: bool, asked: dict[str, Any]) -> Answer:
        version, rule, pin, generation = self._rim[b"route"](now, slotted, self._lua.table(asked))
        return Answer(version.decode(), rule.decode(), pin and pin.decode(), int(generation))
