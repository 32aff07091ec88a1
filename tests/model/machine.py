"""Releases, people, time and restarts in any order; after each answer: was it the version of whoever asked?"""

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from session_api import keyring
from tests.model import commands
from tests.model.api import LIFE, Api
from tests.model.belonging import Belonging, Given, Pin, Shown
from tests.model.clients import Asking, Client, Kept
from tests.model.proxy import Answer, Proxy
from toolkit import link, state
from toolkit.state import State

NOW = 1_800_000_000
PIN_IDLE = 1800
PREVIEW_LIFE = 3600
VERSIONS = ["1.0", "1.1", "1.2", "1.3"]
NOWHERE = "9.9.9"  # a version that is never released
MODES = ["never", "never", "navigation", "idle"]
LOAD = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
SCRIPT = {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
HOST = "shop.example"


class World:
    """Proxy and API, made once and set back for each sequence: to make them anew would take most of the time."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="model-", dir=memory if memory.is_dir() else None))
        keys = self.folder / "keys"
        keyring.create(keys, "HS256", now=NOW - 3000)
        self.pin_secret = (keys / "pin.secret").read_bytes().strip()
        self.state_file = self.folder / "state.json"
        self.write(state.adopt("1.0", _time(NOW)))
        self.proxy = Proxy(self.folder, keys, self.state_file)
        self.api = Api(self.folder, keys, self.state_file)

    def write(self, now: State) -> None:
        fresh = self.state_file.with_suffix(".new")
        fresh.write_bytes(state.encode(now))
        fresh.replace(self.state_file)

    def close(self) -> None:
        self.api.close()
        shutil.rmtree(self.folder)


class Machine(RuleBasedStateMachine):
    world: ClassVar[World]

    people = st.sampled_from(["ada", "bob", "cron"])
    browsers = st.sampled_from(["ada", "bob"])
    versions = st.sampled_from(VERSIONS)
    passes = st.sampled_from(["both", "both", "version", "neither"])

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.moved_at = 0
        self.clients = {name: Client(name, name != "cron") for name in ("ada", "bob", "cron")}

    @initialize(mode=st.sampled_from(MODES), seen=st.sampled_from([0, 16]), old=st.booleans())
    def adopt(self, mode: str, seen: int, old: bool) -> None:
        self.mode = mode
        now = state.adopt("1.0", _time(self.now), after=seen)
        self.belonging = Belonging(commands.of_an_older_bgctl(now) if old else now)
        self.world.write(self.belonging.state)
        self.world.proxy.rewind()
        self.world.proxy.start(mode)
        self.world.api.rewind(self.now)

    # Releases

    @property
    def state(self) -> State:
        return self.belonging.state

    def save(self, after: State) -> None:
        if after == self.state:
            return
        before = len(self.belonging.moves)
        self.world.write(after)
        self.world.proxy.read()
        self.belonging.switch(after)
        if len(self.belonging.moves) > before:
            self.moved_at = self.now

    def run(self, command: Callable[[State, datetime], State]) -> None:
        self.save(command(self.state, _time(self.now)))

    @rule(version=versions)
    def up_green(self, version: str) -> None:
        if self.state.phase == "rest" and self.state.slots.blue.version != version:
            self.save(state.candidate(self.state, version, _time(self.now)))

    @rule(which=st.sampled_from(sorted(commands.ROUTES)))
    def route(self, which: str) -> None:
        if self.state.deployment and self.state.phase != "promoting":
            self.run(commands.ROUTES[which])

    @rule(percent=st.sampled_from([1, 30, 50, 99]))
    def canary(self, percent: int) -> None:
        if self.state.deployment and self.state.phase != "promoting":
            self.save(state.canary(self.state, percent, _time(self.now)))

    @rule(version=versions)
    def release(self, version: str) -> None:
        """A whole one, with nobody asking meanwhile."""
        if self.state.phase == "rest" and self.state.slots.blue.version != version:
            self.save(state.candidate(self.state, version, _time(self.now)))
            self.run(state.enable_green)
            self.promote(len(commands.PROMOTION))

    @rule(steps=st.sampled_from([1, 2, 4]))
    def promote(self, steps: int) -> None:
        """So many writes of it: what is left undone, somebody goes on with, or takes back."""
        for _ in range(steps):
            if step := commands.next_of_promotion(self.state):
                self.run(step)

    @rule(steps=st.sampled_from([1, 4]))
    def rollback(self, steps: int) -> None:
        for _ in range(steps):
            if step := commands.next_of_rollback(self.state):
                self.run(step)

    @rule(which=st.sampled_from(sorted(commands.GATES)))
    def gate(self, which: str) -> None:
        with commands.refusal():
            self.save(commands.GATES[which](self.state, _time(self.now)))

    @rule(which=st.sampled_from(sorted(commands.ALL)))
    def refused(self, which: str) -> None:
        """What is refused, or only tried (`--dry-run`), changes nothing."""
        before = state.encode(self.state)
        with commands.refusal():
            commands.ALL[which](self.state, _time(self.now))
        assert state.encode(self.state) == before

    # Time and restarts

    @rule(seconds=st.sampled_from([1, 60, 700, 1000, 2000, 4000, 90000, 3 * 86400, LIFE - 1, LIFE + 30]))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.world.api.now = self.now
        for client in self.clients.values():
            client.drop_expired(self.now)

    @rule(what=st.sampled_from(["proxy", "api"]))
    def restart(self, what: str) -> None:
        if what == "proxy":
            self.world.proxy.start(self.mode)
        else:
            self.world.api.start()

    @rule(mode=st.sampled_from(MODES))
    def reload(self, mode: str) -> None:
        self.mode = mode
        self.world.proxy.start(mode, restart=False)

    # People

    def ask(
        self,
        client: Client,
        slotted: bool = True,
        path: str = "/",
        method: str = "GET",
        fetch: dict[str, str] = LOAD,
        extra: dict[str, str] | None = None,
        rubbish: str | None = None,
        page: str | None = None,
    ) -> Answer:
        """A request by way of the proxy; the one assertion that all this is about."""
        is_load = method == "GET" and fetch["sec-fetch-mode"] == "navigate"
        is_foreign = fetch.get("sec-fetch-site") == "cross-site"
        shown = client.shows(not is_load, is_foreign)
        headers = {"host": HOST, **(fetch if client.has_jar else {}), **client.headers(shown, rubbish)}
        must_move = extra is not None
        if must_move:
            headers["cookie"] = "; ".join(filter(None, (headers.get("cookie"), "bg_update=1")))
        in_header = shown.token is not None and not client.in_cookie
        moves = is_load and slotted and not in_header and client.has_jar
        may = self.belonging.may_be_served_by(
            shown, moves and self.mode != "never", moves and must_move, page if slotted else None
        )
        before = self.belonging.place(shown)
        answer = self.world.proxy.route(
            self.now, slotted, method=method, path=path, host=HOST, headers=headers
        )
        assert answer.version in may, (
            f"{client.name} was served by {answer.version} ({answer.rule}); "
            f"the model says {' or '.join(sorted(may))}, and {sorted(self.belonging.served)} is served"
        )
        self.keep_pin(client, answer, shown, before, page, is_load, in_header)
        if is_load:
            client.pages[path] = answer.version
        return answer

    def keep_pin(
        self,
        client: Client,
        answer: Answer,
        shown: Shown,
        before: str | None,
        page: str | None,
        is_load: bool,
        in_header: bool,
    ) -> None:
        if not client.has_jar:
            return
        if answer.pin:
            assert shown.preview not in self.belonging.served, "a preview leaves no pin"
            text, life = _cookie(answer.pin)
            pin = Pin(answer.version, self.now + life)
            if shown.pin and page == answer.version != before:
                pin.version, pin.left = shown.pin.version, shown.pin.left
            elif before and answer.version != before:
                pin.left = before
            elif shown.pin and shown.pin.version == answer.version:
                pin.left = shown.pin.left
            self.belonging.give(pin)
            client.pin = Kept(text, pin)
        if not in_header and shown.preview not in self.belonging.served and (is_load or shown.pin):
            assert client.pin, "a browser that loads a page is held by a pin"
            assert client.pin.given.until - self.now >= PIN_IDLE / 2, "and that lasts"

    @rule(who=browsers, path=st.sampled_from(["/", "/board"]), rubbish=st.booleans())
    def load(self, who: str, path: str, rubbish: bool) -> None:
        client = self.clients[who]
        bad = None if client.token or not rubbish else self.world.api.foreign(NOWHERE, True)
        self.ask(client, path=path, rubbish=bad)

    @rule(who=browsers)
    def come_from_elsewhere(self, who: str) -> None:
        """By a link on another site."""
        self.ask(self.clients[who], fetch={**LOAD, "sec-fetch-site": "cross-site"})

    @rule(who=browsers)
    def ask_for_the_new_version(self, who: str) -> None:
        self.ask(self.clients[who], extra={})

    @rule(who=browsers, path=st.sampled_from(["/", "/board"]))
    def fetch(self, who: str, path: str) -> None:
        """What a page that is open asks for."""
        client = self.clients[who]
        if path in client.pages:
            referer = {"referer": f"https://{HOST}{path}"}
            self.ask(client, path="/data", fetch=SCRIPT | referer, page=client.pages[path])

    @rule(who=people)
    def call(self, who: str) -> None:
        """An API client, or a script of a page that tells no Referer."""
        self.ask(self.clients[who], path="/data", fetch=SCRIPT)

    @rule(who=browsers)
    def lose_pin(self, who: str) -> None:
        self.clients[who].pin = None

    @rule(who=browsers)
    def open_preview(self, who: str) -> None:
        now = self.state
        if now.phase in ("preview", "canary", "draining") and now.deployment:
            text = link.mint(self.world.pin_secret, now.deployment.new, _time(self.now), PREVIEW_LIFE)
            self.clients[who].preview = Kept(text, Given(now.deployment.new, self.now + PREVIEW_LIFE))

    @rule(who=browsers)
    def leave_preview(self, who: str) -> None:
        self.clients[who].preview = None

    # Log-ins, refreshes, log-outs

    @rule(who=people)
    def begin_log_in(self, who: str) -> None:
        """The app has the request, and takes its time."""
        client = self.clients[who]
        answer = self.ask(client, path="/login", method="POST", fetch=SCRIPT)
        since = len(self.belonging.moves)
        client.asking = Asking("log in", answer.version, answer.generation, since)

    @rule(who=people, passes=passes, in_cookie=st.booleans())
    def end_log_in(self, who: str, passes: str, in_cookie: bool) -> None:
        client = self.clients[who]
        asking, client.asking = client.asking, None
        if not asking or asking.what != "log in":
            return
        names = {"X-Deployment-Version": asking.version, "X-Deployment-Generation": str(asking.generation)}
        headers = {"both": names, "neither": {}, "version": dict([*names.items()][:1])}[passes]
        result = self.world.api.log_in(headers)
        if passes == "version" and asking.version not in self.belonging.served and result.status_code != 201:
            return  # it says so: there is no session
        assert result.status_code == 201, result.text
        given = Given(result.json["deploymentVersion"], self.now + LIFE)
        if passes == "both":
            given.version = asking.version
            self.belonging.give(given, asking.since)
        else:
            self.belonging.give(given)
            may = {asking.version} & self.belonging.served if passes == "version" else self.belonging.open_to_new
            assert given.version in (may or self.belonging.served)
        self.keep_token(client, result.json["token"], given, in_cookie)

    @rule(who=people, passes=passes, in_cookie=st.booleans())
    def log_in(self, who: str, passes: str, in_cookie: bool) -> None:
        self.begin_log_in(who)
        self.end_log_in(who, passes, in_cookie)

    @rule(who=people, dated=st.booleans(), in_cookie=st.booleans())
    def log_in_elsewhere(self, who: str, dated: bool, in_cookie: bool) -> None:
        """By a backend that signs its tokens itself. Its clock cannot tell what one second has seen: it has a new one.

        One without `iat` cannot be told from an older one: it has gone all the way that its version's sessions went.
        """
        if self.moved_at == self.now:
            self.wait(1)
        client = self.clients[who]
        answer = self.ask(client, path="/login", method="POST", fetch=SCRIPT)
        given = Given(answer.version, self.now + LIFE)
        self.belonging.give(given, None if dated else 0)
        self.keep_token(client, self.world.api.foreign(answer.version, dated), given, in_cookie)

    def keep_token(self, client: Client, text: str, given: Given, in_cookie: bool) -> None:
        client.token, client.in_cookie, client.ended = Kept(text, given), in_cookie and client.has_jar, False
        client.asking = None

    def ask_api(self, client: Client, what: str) -> Asking:
        """By way of the proxy, which says where the request belongs."""
        answer = self.ask(client, slotted=False, path=f"/api/auth/{what}", method="POST", fetch=SCRIPT)
        return Asking(what, answer.version, answer.generation, len(self.belonging.moves))

    @rule(who=people)
    def begin_refresh(self, who: str) -> None:
        client = self.clients[who]
        if client.token:
            client.asking = self.ask_api(client, "refresh")

    @rule(who=people)
    def end_refresh(self, who: str) -> None:
        client = self.clients[who]
        if client.asking and client.asking.what == "refresh":
            self.refreshed(client, client.asking)

    @rule(who=people, by_proxy=st.booleans())
    def refresh(self, who: str, by_proxy: bool) -> None:
        client = self.clients[who]
        if client.token:
            self.refreshed(client, self.ask_api(client, "refresh") if by_proxy else None)

    def refreshed(self, client: Client, asking: Asking | None) -> None:
        assert client.token
        version = client.token.given.version
        headers = {}
        if asking:
            version = self.belonging.followed(asking.version, asking.since)
            headers = _said(asking)
        result = self.world.api.ask("POST", "/api/auth/refresh", client.token.text, headers)
        client.asking = None
        if client.ended or self.now >= client.token.given.until:
            assert result.status_code == 401
            return
        assert result.status_code == 200, result.text
        assert result.json["deploymentVersion"] == version, "a refresh takes nobody elsewhere"
        given = Given(version, self.now + LIFE)
        self.belonging.give(given)
        client.token = Kept(result.json["token"], given)

    @rule(who=people, by_proxy=st.booleans())
    def beat(self, who: str, by_proxy: bool) -> None:
        client = self.clients[who]
        if not client.token:
            return
        asking = self.ask_api(client, "beat") if by_proxy else None
        headers = _said(asking) if asking else {}
        result = self.world.api.ask("POST", "/api/deployment/heartbeat", client.token.text, headers)
        if client.ended or self.now >= client.token.given.until:
            assert result.status_code == 401
        else:
            expected = asking.version if asking else client.token.given.version
            assert (result.status_code, result.json["yourVersion"]) == (200, expected)

    @rule(who=people, forgets=st.booleans())
    def log_out(self, who: str, forgets: bool) -> None:
        client = self.clients[who]
        if client.token:
            self.world.api.ask("POST", "/api/auth/logout", client.token.text, {})
            client.asking, client.ended = None, True
            if forgets or client.in_cookie:
                client.token = None


def _time(now: int) -> datetime:
    return datetime.fromtimestamp(now, UTC)


def _said(asking: Asking) -> dict[str, str]:
    return {"X-Deployment-Version": asking.version, "X-Deployment-Generation": str(asking.generation)}


def _cookie(text: str) -> tuple[str, int]:
    """The value of a Set-Cookie, and for how many seconds it is kept."""
    pair, *attributes = text.split("; ")
    ages = [each.partition("=")[2] for each in attributes if each.startswith("Max-Age=")]
    return pair.partition("=")[2], int(ages[0])


def run(settings: Any, world: World) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(type("Machine", (Machine,), {"world": world}), settings=settings)
