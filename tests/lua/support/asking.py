"""Requests to a proxy without nginx, and what routing says of them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode

from tests.lua.support.luajit import plain
from tests.lua.support.proxy import NOW, STATES, Proxy

OLD, NEW = "1.6.7", "1.6.8"
LOAD = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-site": "none"}
FETCH = {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "sec-fetch-site": "same-origin"}
FOREIGN = {**LOAD, "sec-fetch-site": "cross-site", "origin": "https://bank.example"}


def switch(proxy, name, generation=1, lineage=None, migrate="never"):
    phase, blue, green = STATES[name]
    document = {
        "schema": 2,
        "generation": generation,
        "phase": phase,
        "slots": {"blue": blue, "green": green},
    }
    proxy.configure({**document, "lineage": lineage or []}, migrate)


class Answer:
    """What routing says of a request."""

    def __init__(self, proxy: Proxy, now: int, method: str, path: str, headers: dict[str, str]) -> None:
        asked = {"method": method, "path": path, "host": "x", "headers": headers}
        proxy.lua.runtime.execute(b"local now = ... ; ngx.now = function() return now end", now)
        decision = proxy.router[b"route"](proxy.asked(asked), now, True)
        pin, terms = decision[b"cookie"], decision[b"terms"]
        self.version, self.rule = plain(decision[b"slot"][b"version"]), plain(decision[b"reason"])
        self.terms = plain(terms)
        self.cookie = plain(pin) if pin and terms is None else None
        self.withheld = plain(pin) if pin and terms is not None else None
        self.holder = plain(decision[b"holder"])
        self.generation = plain(decision[b"generation"])  # which the app is told, too

    @property
    def pin(self) -> str:
        assert self.cookie
        return str(self.cookie.partition(";")[0])


def ask(proxy, headers=None, now=NOW, method="GET", path="/", cookies=""):
    return Answer(proxy, now, method, path, {**(headers or {}), **({"cookie": cookies} if cookies else {})})


def claims(cookie: str) -> dict[str, object]:
    part = cookie.partition("=")[2].split(".")[1]
    found: dict[str, object] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def max_age(cookie: str) -> int:
    return int(cookie.partition("Max-Age=")[2].partition(";")[0])
