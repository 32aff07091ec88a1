"""bgctl preview: the state that it makes, the link that it prints, and the check that it runs."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.toolkit.support.worlds import CANDIDATE, DRAIN, GREEN, NONE, READY, World
from toolkit import config
from toolkit.config import public_url

pytestmark = pytest.mark.whole

SHOWN = {"version": "1.6.8", "state": "drain", "weight": 0}


@pytest.fixture
def candidate(world: World) -> World:
    world.put("candidate", READY, CANDIDATE)
    (world.root / "keys" / "pin.secret").write_text("p" * 43 + "\n")
    return world


def test_the_first_one_shows_green_to_its_own(candidate: World) -> None:
    done = candidate.bgctl("preview", "--to", "/board?x=1&y", "--url", "https://shop.example/", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (candidate.state["phase"], candidate.state["slots"]) == (
        "preview",
        {"blue": READY, "green": SHOWN},
    )
    found = urlsplit(said["url"])
    assert (found.scheme, found.netloc, found.path) == ("https", "shop.example", "/_bgctl/preview")
    assert parse_qs(found.query)["to"] == ["/board?x=1&y"]
    assert parse_qs(found.query)["token"][0] not in (candidate.root / "state/history.jsonl").read_text()
    assert [line["what"] for line in candidate.history] == ["preview"]


def test_later_ones_change_nothing(candidate: World) -> None:
    candidate.put("draining", DRAIN, GREEN, "drain")
    before = candidate.state
    assert candidate.bgctl("preview").returncode == 0
    assert candidate.state == before


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (["--to", "//evil"], "is not a path of the site"),
        (["--to", "/a b"], "is not a path of the site"),
    ],
)
def test_refusals_change_nothing(candidate: World, argv: list[str], what: str) -> None:
    before = candidate.state
    done = candidate.bgctl("preview", *argv)
    assert (done.returncode, candidate.state) == (3, before)
    assert what in done.stderr


def test_without_a_secret_or_a_healthy_green_there_is_no_link(candidate: World) -> None:
    candidate.serve(candidate.green, "1.6.6")
    done = candidate.bgctl("preview")
    assert (done.returncode, candidate.state["phase"]) == (3, "candidate")
    assert "green is not healthy" in done.stderr
    (candidate.root / "keys" / "pin.secret").write_text("short")
    assert "too short" in candidate.bgctl("preview").stderr
    (candidate.root / "keys" / "pin.secret").unlink()
    assert "cannot be read" in candidate.bgctl("preview").stderr


def test_at_rest_and_in_a_promotion_there_is_nothing_to_preview(candidate: World) -> None:
    candidate.put("rest", READY, NONE)
    assert "no release is under way" in candidate.bgctl("preview").stderr
    candidate.put("promoting", {**READY, "version": "1.6.8"}, {**SHOWN}, "serve-blue")
    assert "everyone gets green already" in candidate.bgctl("preview").stderr


@pytest.mark.parametrize("life", ["off", "x", "0s"])
def test_a_life_that_is_none_is_a_usage_error(candidate: World, life: str) -> None:
    assert candidate.bgctl("preview", "--life", life).returncode == 2


def test_a_check_that_hangs_is_given_up(candidate: World) -> None:
    toml = candidate.root / "bgctl.toml"
    toml.write_text(toml.read_text().replace('check_timeout = "5m"', 'check_timeout = "100ms"'))
    done = candidate.bgctl("preview", "--check", "echo begun; sleep 60")
    assert (done.returncode, candidate.state["phase"]) == (1, "candidate")
    assert "the check of green was given up: green does not pass" in done.stderr
    assert "no answer within 0.1 s" in done.stderr
    outcomes = [(line["what"], line["outcome"]) for line in candidate.history]
    assert outcomes == [("preview", "done"), ("preview check", "failed")]


def test_what_a_check_says_is_shown_without_the_token(candidate: World) -> None:
    done = candidate.bgctl("preview", "--check", 'echo "$BGCTL_PREVIEW_COOKIE"; echo "$BGCTL_VERSION" >&2')
    assert "__Host-bg_preview=[preview token]" in done.stdout
    assert "1.6.8\n" in done.stdout
    assert done.stdout.count("token=") == 1, "the link itself"


@pytest.mark.parametrize(
    ("toml", "url"),
    [
        ('[proxy]\nlisten = "127.0.0.1:8080"', "http://127.0.0.1:8080"),
        ('[proxy]\nlisten = "0.0.0.0:80"', "http://127.0.0.1"),
        ('[proxy]\nlisten = "[::]:8080"', "http://[::1]:8080"),
        ('[tls]\ncertificate = "a.pem"\nkey = "b.pem"\nlisten = "0.0.0.0:443"', "https://127.0.0.1"),
        ('[tls]\ncertificate = "a.pem"\nkey = "b.pem"\nlisten = "10.0.0.1:8443"', "https://10.0.0.1:8443"),
        ('[preview]\nurl = "https://shop.example"', "https://shop.example"),
    ],
)
def test_where_browsers_come(toml: str, url: str) -> None:
    text = f'[project]\nname = "shop"\n{toml}\n[services.x]\nroutes = ["/"]\nhealth = "/"\n'
    found = config.parse(text + 'blue = "127.0.0.1:1"\ngreen = "127.0.0.1:2"\n')
    assert public_url.base(found) == url
    assert (public_url.doubt(found, url) is None) == (url == "https://shop.example")


@pytest.mark.parametrize("url", ["shop.example", "https://shop.example/app", "ftp://x", "https://a b"])
def test_an_address_with_more_than_that_is_refused(candidate: World, url: str) -> None:
    assert candidate.bgctl("preview", "--url", url).returncode == 2
