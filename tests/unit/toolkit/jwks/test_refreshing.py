"""The keys of a provider: fetched, kept, rotated without a lost session, and what is said of it."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from session_api.keys import app_keys, issuer_keys, keyring, listing, signing_keys
from tests.unit.toolkit.jwks.conftest import PRIVATE, jwk_of, text
from tests.unit.toolkit.support.engines import Listening, project_of
from tests.unit.toolkit.support.worlds import NONE, READY, World
from tests.web_server import Web
from toolkit.clock import Clock
from toolkit.cron import tick
from toolkit.errors import Failed
from toolkit.jwks import fetching, record, refreshing, standing
from toolkit.observe import doctor
from toolkit.project import Project

pytestmark = pytest.mark.whole

NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
ONE, TWO = PRIVATE["RS256"].public_key(), PRIVATE["ES256"].public_key()


class Here:
    """A project with keys of its own, and a provider that is called idp."""

    def __init__(self, world: World, web: Web) -> None:
        self.world, self.web, self.now = world, web, NOW
        self.toml = world.root / "bgctl.toml"
        self.keys = world.root / "keys"
        signing_keys.create(self.keys, now=NOW.timestamp() - 60)
        self.plain = self.toml.read_text()
        self.configure(f'url = "http://{web.address}/jwks"')
        self.give(jwk_of(ONE, kid="one"))

    def configure(self, *lines: str, more: str = "") -> None:
        table = "\n".join(("[jwks.idp]", *lines))
        self.toml.write_text(f"{self.plain}\n{table}\n{more}\n")

    def give(self, *keys: dict[str, Any]) -> None:
        self.web.answers["/jwks"] = (200, text(*keys))

    def fail(self, status: int = 503, content: bytes = b"down") -> None:
        self.web.answers["/jwks"] = (status, content)

    @property
    def project(self) -> Project:
        project, _ = project_of(self.world, Listening(), clock=Clock(now=lambda: self.now))
        return project

    def look(self, *names: str) -> record.Look:
        return refreshing.run(self.project, list(names or ("idp",)))["idp"]

    @property
    def good(self) -> list[str]:
        """The keys that verify now, as the session API has them."""
        (self.keys / "admin" / "admin.key").chmod(0o640)
        every = keyring.load(self.keys).every
        return [key.kid for key in every if key.fetched and key.verifies(self.now.timestamp())]

    @property
    def file(self) -> Path:
        return issuer_keys.place(self.keys)

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def here(world: World, web: Callable[[], Web]) -> Here:
    return Here(world, web())


def test_a_providers_keys_are_believed_on_its_terms(here: Here) -> None:
    here.configure(f'url = "http://{here.web.address}/jwks"', 'issuer = "https://idp/"', 'audience = "shop"')
    here.give(jwk_of(ONE, kid="one"), jwk_of(TWO, kid=None))
    assert here.look() == record.Look(NOW.timestamp(), f"http://{here.web.address}/jwks", NOW.timestamp())
    assert here.good == ["one", ""]
    key = keyring.load(here.keys).keys["one"]
    assert (key.alg, key.signed_by, key.issuer, key.audience) == ("RS256", "app", "https://idp/", "shop")
    assert here.file.stat().st_mode & 0o777 == 0o640
    assert "Authorization" not in here.web.requests[0][1]


@pytest.mark.threat(19)
def test_19_a_rotation_loses_no_session(here: Here) -> None:
    """What the provider lists no more verifies for [tokens] longest, the life of the last token with it."""
    here.look()
    here.later(minutes=5)
    here.give(jwk_of(TWO, kid="two"), jwk_of(ONE, kid="one"))
    here.look()
    assert here.good == ["two", "one"]
    here.later(minutes=5)
    here.give(jwk_of(TWO, kid="two"))
    here.look()
    assert here.good == ["two", "one"]
    here.later(days=7, seconds=-1)
    here.look()
    assert here.good == ["two", "one"], "the end that it has does not move"
    here.later(seconds=2)
    assert here.good == ["two"]
    here.look()
    assert [key.kid for source in issuer_keys.read(here.keys) for key in source.keys] == ["two"]


def test_a_key_that_comes_back_is_as_before(here: Here) -> None:
    here.look()
    here.give(jwk_of(TWO, kid="two"))
    here.later(hours=1)
    here.look()
    here.give(jwk_of(TWO, kid="two"), jwk_of(ONE, kid="one"))
    here.later(hours=1)
    here.look()
    (source,) = issuer_keys.read(here.keys)
    assert [(key.kid, key.seen_at, key.retire_at) for key in source.keys] == [
        ("two", NOW + timedelta(hours=1), None),
        ("one", NOW, None),
    ]


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (503, b"down", "answers with status 503"),
        (200, b"<html>", "it is no JWK Set"),
        (200, b'{"keys":[]}', "it lists none"),
        (200, text(jwk_of(TWO, kid="two", d="AQ")), "is there with its private half"),
        (200, b" " * (fetching.MOST_BYTES + 1), "is too large: 256 KiB are read at most"),
        (302, b"", "answers with status 302"),
        (200, b'{"keys":[{"kty":"\x1b"}]}', "/jwks: it is no JWK Set"),
    ],
)
def test_the_last_good_keys_stay_in_force(here: Here, status: int, content: bytes, said: str) -> None:
    here.look()
    before = here.file.read_bytes()
    here.fail(status, content)
    here.later(minutes=5)
    look = here.look()
    assert said in str(look.error)
    assert (look.good_at, look.checked_at) == (NOW.timestamp(), here.now.timestamp())
    assert here.file.read_bytes() == before
    assert here.good == ["one"]
    here.give(jwk_of(TWO, kid="two"))
    assert here.look().error is None


def test_a_provider_that_is_down_is_said_with_what_to_do(here: Here) -> None:
    here.web.stop()
    look = here.look()
    assert (look.error, look.next) == (
        f"http://{here.web.address}/jwks gives no answer: connection refused",
        f"curl http://{here.web.address}/jwks",
    )


class Raw:
    """A server that sends each who asks these bytes, and after them the `drop` again and again."""

    def __init__(self, head: bytes, drop: bytes, every: float = 0.02) -> None:
        self.head, self.drop, self.every = head, drop, every
        self.over = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/jwks"

    def _serve(self) -> None:
        with suppress(OSError), self.socket.accept()[0] as line:
            line.recv(65536)
            line.sendall(self.head)
            while self.drop and not self.over.wait(self.every):
                line.sendall(self.drop)

    def stop(self) -> None:
        self.over.set()
        self.thread.join()
        self.socket.close()


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (OK + b"Content-Length: 100000\r\n\r\n", b" "),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (OK + b"\r\n", b" "),
        (OK, b"X"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_an_answer_has_its_time_from_beginning_to_end(
    here: Here, monkeypatch: pytest.MonkeyPatch, head: bytes, drop: bytes
) -> None:
    """One that drips has an end, too, which no time-out of a connection gives it."""
    here.look()
    monkeypatch.setattr(fetching, "SECONDS", 0.4)
    provider = Raw(head, drop)
    try:
        here.configure(f'url = "{provider.url}"')
        look = here.look()
    finally:
        provider.stop()
    assert (look.error, look.next) == (f"{provider.url} is too slow: it has 0.4 s", f"curl {provider.url}")
    assert here.good == ["one"]


@pytest.mark.parametrize("to", ["file:///etc/passwd", "https://elsewhere.example/\x1b[31mjwks"])
def test_an_address_that_leads_on_is_not_followed(here: Here, to: str) -> None:
    provider = Raw(f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode(), b"")
    try:
        here.configure(f'url = "{provider.url}"')
        look = here.look()
    finally:
        provider.stop()
    assert str(look.error).startswith(f"{provider.url} leads on to {to.replace(chr(27), '?')}: redirects are")
    assert look.next == "edit bgctl.toml"


def test_what_was_read_is_named_with_a_command_that_shows_it(here: Here) -> None:
    here.fail(200, b"<html>")
    look = here.look()
    url = f"http://{here.web.address}/jwks"
    assert (str(look.error).partition(": it")[0], look.next) == (url, f"curl {url}")
    here.configure('file = "idp.json"')
    (here.world.root / "idp.json").write_bytes(text(*[{"kty": "oct", "kid": "k" * 200}] * 64))
    look = here.look()
    assert str(look.error).startswith("idp.json: it has no key that verifies signatures: key kkk")
    assert "and 61 more like that" in str(look.error)
    assert len(str(look.error)) < 1000
    assert look.next == "cat idp.json"


def test_a_pipe_is_no_file(here: Here) -> None:
    """Nobody writes to it: who opened it would wait for ever."""
    os.mkfifo(here.world.root / "idp.json")
    here.configure('file = "idp.json"')
    assert here.look().error == f"{here.world.root / 'idp.json'} is no file: it is of another kind"


def test_nothing_is_written_where_nothing_changes(here: Here) -> None:
    here.look()
    before = here.file.stat()
    here.later(minutes=5)
    here.look()
    assert here.file.stat() == before, "proxy and session API have nothing to read again"


def test_ours_wins_where_names_are_the_same(here: Here) -> None:
    app_keys.trust(here.keys, "HS256", b"s" * 32, kid="one", now=NOW.timestamp())
    here.give(jwk_of(ONE, kid="one"), jwk_of(TWO, kid="two"))
    look = here.look()
    assert look.notes == ("key one has the name of a key that is here already, and is left out",)
    assert here.good == ["two"]
    assert keyring.load(here.keys).keys["one"].alg == "HS256"
    here.configure(
        f'url = "http://{here.web.address}/jwks"',
        more=f'[jwks.other]\nurl = "http://{here.web.address}/jwks"',
    )
    looks = refreshing.run(here.project, ["idp", "other"])
    assert "key two has the name" in looks["other"].notes[-1], "nor does one provider take another's"


def test_a_file_will_do(here: Here) -> None:
    path = here.world.root / "idp.json"
    here.configure('file = "idp.json"')
    assert here.look().error == f"{path} cannot be read: No such file or directory"
    path.write_bytes(text(jwk_of(TWO, kid="two")))
    assert here.look().error is None
    assert here.good == ["two"]


def test_a_table_that_is_taken_out_takes_its_keys_along(here: Here) -> None:
    here.look()
    here.configure('file = "idp.json"')
    (here.world.root / "idp.json").write_bytes(text(jwk_of(TWO, kid="two")))
    assert refreshing.due(here.project) == ["idp"], "another place is looked at at once"
    here.toml.write_text(here.plain)
    assert refreshing.is_wanted(here.project)
    assert refreshing.run(here.project, []) == {}
    assert here.good == []
    assert not refreshing.is_wanted(here.project)


@pytest.mark.threat(41)
def test_41_a_damaged_file_is_written_anew_once_there_are_good_answers(here: Here) -> None:
    here.look()
    here.file.write_bytes(here.file.read_bytes()[:100])
    here.fail()
    here.look()
    assert len(here.file.read_bytes()) == 100, "proxy and session API keep the last good one meanwhile"
    here.give(jwk_of(TWO, kid="two"))
    here.look()
    assert here.good == ["two"]


def test_each_provider_is_asked_when_it_is_due(here: Here) -> None:
    assert refreshing.due(here.project) == ["idp"]
    here.look()
    here.later(minutes=4, seconds=59)
    assert refreshing.due(here.project) == []
    here.later(seconds=1)
    assert refreshing.due(here.project) == ["idp"]
    here.fail()
    here.look()
    here.later(seconds=59)
    assert refreshing.due(here.project) == []
    here.later(seconds=1)
    assert refreshing.due(here.project) == ["idp"], "one that fails is asked again after a minute"
    here.now = NOW - timedelta(days=1)
    assert refreshing.due(here.project) == ["idp"], "and one that was asked in the future"


def test_a_tick_looks_when_it_is_due_and_says_what_is_wrong_once(
    here: Here, capsys: pytest.CaptureFixture[str]
) -> None:
    ui = Listening()
    tick.keep_keys_fresh(here.project, ui)
    assert here.good == ["one"]
    here.later(minutes=5)
    here.fail()
    for _ in range(2):
        tick.keep_keys_fresh(here.project, ui)
        here.later(minutes=1)
    assert capsys.readouterr().err.count("the keys of idp: ") == 1
    here.give(jwk_of(TWO, kid="two"))
    asked = len(here.web.requests)
    tick.keep_keys_fresh(here.project, ui)
    tick.keep_keys_fresh(here.project, ui)
    assert (len(here.web.requests) - asked, here.good[0]) == (1, "two")


def test_how_it_stands_is_said(here: Here) -> None:
    def said() -> list[str]:
        return [str(error) for error in standing.problems(here.project)]

    assert said() == ["the keys of idp: its keys have not been fetched yet: none of its tokens is accepted"]
    here.look()
    assert said() == []
    here.later(minutes=16)
    assert said() == ["the keys of idp: nobody has looked for 16 min: those of 16 min ago stay in force"]
    here.fail()
    here.look()
    (line,) = said()
    assert line.endswith("answers with status 503: those of 16 min ago stay in force")
    found = {each.check: each for each in doctor.examine(here.world.root, Listening(), "doctor")}
    assert found["key sets"].result == "warn"
    here.now = datetime.now(UTC)
    here.give(jwk_of(ONE, kid="one"), {"kty": "oct", "kid": "s", "k": "AQ"})
    here.look()
    assert ["is a secret" in line for line in said()] == [True]


def test_the_command(here: Here) -> None:
    def run(*argv: str, code: int = 0) -> str:
        done = here.world.bgctl("keys", *argv)
        assert done.returncode == code, done.stdout + done.stderr
        return str(done.stdout + done.stderr)

    assert "would fetch http://" in run("refresh", "--dry-run")
    assert not here.file.exists()
    assert run("refresh") == "idp: one (RS256)\n"
    assert "fetched, idp" in run("list")
    assert json.loads(run("list", "--json"))[1]["source"] == "idp"
    assert "[jwks.idp] gives" in run("remove", "one", code=3)
    here.give(jwk_of(TWO, kid="two"), {"kty": "oct", "kid": "s", "k": "AQ"})
    said = run("refresh", "idp")
    assert "idp: two (ES256); 1 that it lists no more" in said
    assert "key s is a secret" in said
    here.fail()
    said = run("refresh", code=1)
    assert f"the keys of idp: http://{here.web.address}/jwks answers with status 503\nnext: curl -i" in said
    assert "there is no [jwks.other]: bgctl.toml has: idp" in run("refresh", "other", code=3)
    here.toml.write_text(here.plain)
    run("refresh")
    assert "bgctl.toml has no [jwks.NAME]" in run("refresh", code=3)


def test_status_says_how_old_the_keys_are(here: Here) -> None:
    here.world.put("rest", READY, NONE)
    here.now = datetime.now(UTC)
    here.look()
    done = here.world.bgctl("status")
    assert "the keys of idp are as of 0 s ago" in done.stdout or "the keys of idp are as of" in done.stdout
    assert json.loads(here.world.bgctl("status", "--json").stdout)["jwks"]["idp"]["error"] is None
    here.fail()
    here.look()
    assert "answers with status 503" in here.world.bgctl("status").stdout


def test_without_keys_there_is_nothing_to_put_them_beside(world: World) -> None:
    toml = world.root / "bgctl.toml"
    toml.write_text(toml.read_text() + '\n[jwks.idp]\nfile = "idp.json"\n')
    with pytest.raises(Failed) as caught:
        refreshing.run(project_of(world)[0], ["idp"])
    assert caught.value.next == "bgctl keys init"


class Secure:
    """A provider behind HTTPS, with a certificate of an authority of its own."""

    def __init__(self, authority: trustme.CA, content: bytes) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"https://127.0.0.1:{self.server.server_port}/jwks"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def test_a_certificate_that_is_not_trusted_is_no_answer(here: Here) -> None:
    authority = trustme.CA()
    provider = Secure(authority, text(jwk_of(TWO, kid="two")))
    try:
        here.configure(f'url = "{provider.url}"')
        assert "its certificate is not trusted here (ca_file)" in str(here.look().error)
        here.configure(f'url = "{provider.url}"', 'ca_file = "idp-ca.pem"')
        assert "idp-ca.pem does not exist: ca_file names it" in str(here.look().error)
        authority.cert_pem.write_to_path(here.world.root / "idp-ca.pem")
        assert here.look().error is None
    finally:
        provider.stop()
    assert here.good == ["two"]
    assert [key.source for key in listing.describe(here.keys)] == [None, "idp"]
