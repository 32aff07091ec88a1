"""Releases, people, time and restarts in any order; each answer: is it the version of whoever asked?"""

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec.structs import replace

from session_api.keys import app_keys, key_files, signing_keys
from tests.model import commands
from tests.model.api import LIFE, PROVIDER, Api
from tests.model.belonging import Belonging, Given, Pin, Shown
from tests.model.clients import Asking, Client, Kept, Request
from tests.model.commands import Transition
from tests.model.proxy import Answer, Proxy
from toolkit.release import preview_link
from toolkit.state import document, lineage, transitions
from toolkit.state.document import State

NOW = 1_800_000_000
PIN_IDLE = 1800
PREVIEW_LIFE = 3600
VERSIONS = ["1.0", "1.1", "1.2", "1.3"]
NOWHERE = "9.9.9"  # a version that is never released
MODES = ["never", "navigation", "navigation", "idle"]
LOG_IN = Request("/login", script=True, post=True)
SESSION = Request("/api/deployment/refresh", script=True, post=True, slotted=False)
REQUESTS = ("load", "load", "load", "script", "by an open page", "link", "update", "update", "rubbish")
REFRESHES = ("refresh", "refresh past it", "refresh slowly", "refresh, releases")
PASSED = {"both": 2, "version": 1, "neither": 0}  # so many of the headers that the app was given


class World:
    """Proxy and API, made once and set back for each sequence: making them takes longer than playing one."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="model-", dir=memory if memory.is_dir() else None))
        keys = self.folder / "keys"
        signing_keys.create(keys, "HS256", now=NOW - 3000)
        app_keys.trust(keys, "HS256", PROVIDER, kid="idp", now=NOW - 3000)
        self.pin_secret = key_files.find(keys, "pin.secret").read_bytes().strip()
        self.state_file = self.folder / "state.json"
        self.write(transitions.adopt("1.0", _time(NOW)))
        self.proxy = Proxy(self.folder, keys, self.state_file)
        self.api = Api(self.folder, keys, self.state_file)

    def write(self, now: State) -> None:
        self.write_text(document.encode(now))

    def write_text(self, text: bytes) -> None:
        fresh = self.state_file.with_suffix(".new")
        fresh.write_bytes(text)
        fresh.replace(self.state_file)

    def close(self) -> None:
        self.api.close()
        shutil.rmtree(self.folder)


class Machine(RuleBasedStateMachine):
    world: ClassVar[World]

    people = st.sampled_from(["ada", "bob", "cron"])
    browsers = st.sampled_from(["ada", "bob"])
    anybody = st.sampled_from(["all", "all", "all", "ada", "bob", "cron"])
    versions = st.sampled_from(VERSIONS)
    releases = st.sampled_from(
        ["enable-green", "promote", "enable-green", "rollback", "a step", "a step back", *commands.ROUTES]
    )
    modes = st.sampled_from(MODES)
    operations = st.sampled_from(
        ["nothing", "nothing", "restart proxy", "reload", "restart api", "try out", *commands.GATES]
    )
    times = st.sampled_from([0, 0, 0, 1, 1, 60, 700, 1000, 2000, 90000, 3 * 86400, LIFE - 1, LIFE + 30])
    requests = st.sampled_from([*REQUESTS, "without pin", "preview", "no preview"])
    paths = st.sampled_from(["/", "/board"])
    log_ins = st.sampled_from(
        ["both", "both", "version", "neither", "dated", "undated", "slowly", "releases"]
    )
    passes = st.sampled_from(["both", "both", "version", "neither"])
    uses = st.sampled_from([*REFRESHES, "beat", "beat past it", "log out", "end"])

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.moved_at = 0
        self.clients = {name: Client(name, name != "cron") for name in ("ada", "bob", "cron")}

    @initialize(mode=modes, seen=st.sampled_from([0, 16]), old=st.booleans())
    def adopt(self, mode: str, seen: int, old: bool) -> None:
        self.mode = mode
        now = transitions.adopt("1.0", _time(self.now), after=seen)
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
        """Writes it, as bgctl does, and has the proxy take it."""
        if after == self.state:
            return
        before = len(self.belonging.moves)
        written = replace(after, lineage=lineage.shorten(after.lineage, _time(self.now), LIFE))
        self.world.write(written)
        self.world.proxy.read()
        self.belonging.switch(written)
        if len(self.belonging.moves) > before:
            self.moved_at = self.now

    def run(self, command: Transition) -> None:
        self.save(command(self.state, _time(self.now)))

    @precondition(lambda self: self.state.phase == "rest")
    @rule(version=versions, how=releases)
    def release(self, version: str, how: str) -> None:
        """A whole one, one that is taken back, or its beginning."""
        if version == self.state.slots.blue.version:
            return
        self.save(transitions.candidate(self.state, version, _time(self.now)))
        self.run(commands.ROUTES.get(how, transitions.enable_green))
        if how == "promote":
            self.finish(commands.next_of_promotion)
        elif how == "rollback":
            self.finish(commands.next_of_rollback)

    @precondition(lambda self: self.state.phase != "rest")
    @rule(how=releases)
    def go_on(self, how: str) -> None:
        """What is left undone, somebody goes on with, or takes back."""
        promoting = self.state.phase == "promoting"
        if how == "promote":
            self.finish(commands.next_of_promotion)
            self.finish(commands.next_of_restart)
        elif how == "rollback":
            self.finish(commands.next_of_rollback)
        elif how.startswith("a step") or promoting:
            forward = commands.next_of_promotion(self.state) or commands.next_of_restart(self.state)
            back = commands.next_of_rollback(self.state)
            if step := back if how == "a step back" else forward:
                self.run(step)
        else:
            self.run(commands.ROUTES[how])

    @precondition(lambda self: self.state.phase == "rest")
    @rule(steps=st.integers(1, len(commands.RESTART)))
    def restart(self, steps: int) -> None:
        """The same version again, or the beginning of that: it is served all the time, and nobody moves."""
        moves, version = list(self.belonging.moves), self.state.slots.blue.version
        for step in commands.RESTART[:steps]:
            self.run(step)
            assert self.belonging.served == self.belonging.open_to_new == {version}
        assert self.belonging.moves == moves

    def finish(self, next_of: Callable[[State], Transition | None]) -> None:
        while step := next_of(self.state):
            self.run(step)

    def there_and_back(self, version: str) -> None:
        """That version goes out of service, and comes again beside another one."""
        self.finish(commands.next_of_promotion)
        self.finish(commands.next_of_restart)
        self.finish(commands.next_of_rollback)
        stable = self.state.slots.blue.version
        self.release(next(each for each in VERSIONS if each not in (stable, version)), "promote")
        self.release(version, "canary 60")

    # Time and restarts

    def wait(self, seconds: int) -> None:
        if not seconds:
            return
        self.now += seconds
        self.world.api.now = self.now
        for client in self.clients.values():
            client.drop_expired(self.now)

    @rule(what=operations, mode=modes, seconds=times)
    def time_goes_by(self, what: str, mode: str, seconds: int) -> None:
        """And whoever runs this does something beside."""
        self.wait(seconds)
        if what == "restart api":
            self.world.api.start()
        elif what in ("restart proxy", "reload"):
            self.mode = mode
            self.world.proxy.start(mode, restart=what != "reload")
        elif what == "try out":
            self.try_out()
        elif what in commands.GATES:
            with commands.refusal():
                self.run(commands.GATES[what])

    def try_out(self) -> None:
        """What is refused, or only tried (`--dry-run`), changes nothing."""
        before = document.encode(self.state)
        for command in commands.ALL.values():
            with commands.refusal():
                command(self.state, _time(self.now))
        assert document.encode(self.state) == before

    # People

    def ask(self, client: Client, request: Request) -> Answer:
        """A request by way of the proxy, with the one assertion that all this is about."""
        shown = client.shows(request)
        page = client.pages.get(request.referer) if request.slotted else None
        moves = request.is_load and client.has_jar and (shown.token is None or client.in_cookie)
        may = self.belonging.may_be_served_by(
            shown, moves and self.mode != "never", moves and request.update, page
        )
        rubbish = self.world.api.foreign(NOWHERE, True) if request.rubbish else None
        provided = self.world.api.provided(client.name) if client.provided else ""
        asked = client.asks(request, shown, rubbish, provided)
        answer = self.world.proxy.route(self.now, request.slotted, asked)
        assert answer.version in may, (
            f"{client.name} was served by {answer.version} ({answer.rule}); "
            f"the model says {' or '.join(sorted(may))}, and {sorted(self.belonging.served)} is served"
        )
        if client.has_jar:
            self.keep_pin(client, request, shown, page, answer)
        if request.is_load:
            client.pages[request.path] = answer.version
        return answer

    def keep_pin(
        self, client: Client, request: Request, shown: Shown, page: str | None, answer: Answer
    ) -> None:
        is_preview = self.belonging.is_shown(shown)
        before = self.belonging.place(shown)
        if shown.token and shown.token.vague:
            others = self.belonging.served - {answer.version}
            before = others.pop() if others and answer.rule == "migrated" else answer.version
        if answer.pin:
            assert not is_preview, "a preview leaves no pin"
            text, life = _cookie(answer.pin)
            pin = Pin(answer.version, self.now + life)
            if shown.pin and answer.version not in (before, shown.pin.version) and answer.version == page:
                pin.version, pin.left = shown.pin.version, shown.pin.left
            elif before and answer.version != before:
                pin.left = before
            elif shown.pin and shown.pin.version == answer.version:
                pin.left = shown.pin.left
            self.belonging.give(pin)
            client.pin = Kept(text, pin)
        in_header = shown.token is not None and not client.in_cookie
        if not in_header and not is_preview and (request.is_load or shown.pin):
            assert client.pin, "a browser that loads a page is held by a pin"
            assert client.pin.given.until - self.now >= PIN_IDLE / 2, "and that lasts"

    @rule(who=anybody, how=requests, path=paths)
    def ask_for(self, who: str, how: str, path: str) -> None:
        """An API client asks for the one thing that it knows."""
        for client in self.clients.values() if who == "all" else [self.clients[who]]:
            if how == "without pin":
                client.pin, client.own_cookie, client.provided = None, "", ""
            elif how == "preview" and client.has_jar:
                self.open_preview(client)
            elif how == "no preview":
                client.preview = None
            self.ask(client, self.request(client, how, path))

    def request(self, client: Client, how: str, path: str) -> Request:
        if not client.has_jar or how == "script":
            return Request("/data", script=True)
        if how == "by an open page":
            return Request("/data", script=True, referer=path if path in client.pages else "")
        bad = how == "rubbish" and client.token is None
        return Request(path, foreign=how == "link", update=how == "update", rubbish=bad)

    def open_preview(self, client: Client) -> None:
        now = self.state
        if now.deployment and now.slots.green.state != "maint":
            shown = (now.deployment.new, now.generation)
            text = preview_link.mint(self.world.pin_secret, *shown, _time(self.now), PREVIEW_LIFE)
            client.preview = Kept(text, Given(now.deployment.new, self.now + PREVIEW_LIFE))
            self.belonging.show(client.preview.given)

    @rule(who=browsers, what=st.sampled_from(["set", "set", "set unseen", "cleared"]))
    def own_cookie(self, who: str, what: str) -> None:
        """The app sets its own session cookie anew, or clears it: that moves nobody who has a pin."""
        client = self.clients[who]
        if client.pin is None:
            return
        jar = f"bg_pin={client.pin.text}" + (f"; sid={client.own_cookie}" if client.own_cookie else "")
        client.values += 1
        client.own_cookie = "" if what == "cleared" else f"{who}-{client.values}"
        line = f"sid={client.own_cookie}; Path=/" if client.own_cookie else "sid=; Max-Age=0"
        if what != "set unseen":
            self.world.proxy.answered(self.now, line, jar, client.pin.given.version)

    @rule(who=browsers, where=st.sampled_from(["cookie", "header", ""]))
    def own_token(self, who: str, where: str) -> None:
        """An identity provider's token comes, a new one with each request: nobody who has a pin moves."""
        client = self.clients[who]
        client.provided = where if client.pin else ""

    # Log-ins, refreshes, log-outs

    @rule(who=people, how=log_ins, in_cookie=st.booleans())
    def log_in(self, who: str, how: str, in_cookie: bool) -> None:
        """`how`: what the app passes on, or what the token of a backend says that signs its own."""
        client = self.clients[who]
        if how in ("dated", "undated"):
            self.log_in_elsewhere(client, how == "dated", in_cookie)
            return
        asking = self.ask_api(client, LOG_IN)
        if how == "slowly":
            client.asking = asking
        elif how == "releases":
            self.there_and_back(asking.version)
            self.logged_in(client, asking, "both", in_cookie)
        else:
            self.logged_in(client, asking, how, in_cookie)

    def log_in_elsewhere(self, client: Client, dated: bool, in_cookie: bool) -> None:
        """A clock cannot tell what one second has seen: it has a new one.

        A token without `iat` is not told from an older one: it goes all the way that they went.
        """
        if self.now == self.moved_at:
            self.wait(1)
        answer = self.ask(client, LOG_IN)
        given = Given(answer.version, self.now + LIFE)
        if dated:
            self.belonging.give(given)
        else:
            self.belonging.give_undated(given)
        client.keep_token(Kept(self.world.api.foreign(answer.version, dated), given), in_cookie)

    @precondition(lambda self: any(client.asking for client in self.clients.values()))
    @rule(who=people, passes=passes, in_cookie=st.booleans())
    def be_answered(self, who: str, passes: str, in_cookie: bool) -> None:
        """What was asked slowly, by way of an app or at once, reaches the session API."""
        client = self.clients[who]
        asking, client.asking = client.asking, None
        if asking and asking.what == LOG_IN:
            self.logged_in(client, asking, passes, in_cookie)
        elif asking and client.token:
            self.refreshed(client, client.token, asking)

    def logged_in(self, client: Client, asking: Asking, passes: str, in_cookie: bool) -> None:
        served, version = self.belonging.served, asking.version
        result = self.world.api.log_in(dict([*asking.headers.items()][: PASSED[passes]]))
        if passes == "version" and version not in served and result.status_code != 201:
            return  # it says so: there is no session
        assert result.status_code == 201, result.text
        given = Given(result.json["deploymentVersion"], self.now + LIFE)
        if passes == "both":
            given.version = version
            self.belonging.give(given, asking.since)
        else:
            self.belonging.give(given)
            may = self.belonging.open_to_new if passes == "neither" else ({version} & served) or served
            assert given.version in may, f"the log-in is signed for {given.version}; the model says {may}"
        client.keep_token(Kept(result.json["token"], given), in_cookie)

    @precondition(lambda self: any(client.token for client in self.clients.values()))
    @rule(who=people, what=uses)
    def use_token(self, who: str, what: str) -> None:
        client = self.clients[who]
        if not client.token:
            return
        asking = None if what.endswith("past it") else self.ask_api(client, SESSION)
        if what == "refresh slowly":
            client.asking = asking
        elif what == "refresh, releases" and asking:
            self.there_and_back(asking.version)
            self.refreshed(client, client.token, asking)
        elif what.startswith("refresh"):
            self.refreshed(client, client.token, asking)
        elif what.startswith("beat"):
            self.beat(client, client.token, asking)
        else:
            self.world.api.ask("POST", "/api/deployment/logout", client.token.text, {})
            client.log_out(forgets=what == "log out")

    def refreshed(self, client: Client, token: Kept, asking: Asking | None) -> None:
        """`asking`: by way of the proxy, which said where it belongs."""
        version = self.belonging.followed(asking.version, asking.since) if asking else token.given.version
        headers = asking.headers if asking else {}
        result = self.world.api.ask("POST", "/api/deployment/refresh", token.text, headers)
        if token.given.vague and not asking and result.status_code == 200:
            version = result.json["deploymentVersion"]
            assert version in self.belonging.served
        if client.ended or self.now >= token.given.until:
            assert result.status_code == 401 or not client.ended
            if result.status_code == 401:
                return
        assert result.status_code == 200, result.text
        assert result.json["deploymentVersion"] == version, "a refresh takes nobody elsewhere"
        given = Given(version, self.now + LIFE)
        self.belonging.give(given)
        client.token = Kept(result.json["token"], given)

    def beat(self, client: Client, token: Kept, asking: Asking | None) -> None:
        headers, version = (asking.headers, asking.version) if asking else ({}, token.given.version)
        result = self.world.api.ask("POST", "/api/deployment/heartbeat", token.text, headers)
        if client.ended or self.now >= token.given.until:
            assert result.status_code == 401 or not client.ended
        elif token.given.vague and not asking:
            assert result.json["yourVersion"] in self.belonging.served
        else:
            assert (result.status_code, result.json["yourVersion"]) == (200, version)

    def ask_api(self, client: Client, what: Request) -> Asking:
        """By way of the proxy, which says where the request belongs."""
        answer = self.ask(client, what)
        return Asking(what, answer.version, answer.generation, len(self.belonging.moves))

    def teardown(self) -> None:
        """In the end, everybody asks once more."""
        if hasattr(self, "belonging"):
            for client in self.clients.values():
                self.ask(client, Request("/data", script=True))


def _time(now: int) -> datetime:
    return datetime.fromtimestamp(now, UTC)


def _cookie(text: str) -> tuple[str, int]:
    """The value of a Set-Cookie, and for how many seconds it is kept."""
    pair, *attributes = text.split("; ")
    ages = [each.partition("=")[2] for each in attributes if each.startswith("Max-Age=")]
    return pair.partition("=")[2], int(ages[0])
