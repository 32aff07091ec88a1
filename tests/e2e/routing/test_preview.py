"""Green for who has the link, before anyone else gets it: the link, the cookie, the check, and all others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests

from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

BOARD = "/notes?page=2"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A candidate is up."""
    with running(tmp_path_factory.mktemp("preview") / "project", migrate="navigation") as one:
        one.bgctl("up-green", NEW)
        yield one


@pytest.fixture(autouse=True)
def _as_a_candidate(request: pytest.FixtureRequest) -> None:
    if "site" in request.fixturenames:
        site = request.getfixturevalue("site")
        if not site.containers("frontend-green"):
            site.bgctl("up-green", NEW)
        site.bgctl("route", "disable-green")


def link_of(site: Stack, *options: str) -> str:
    url: str = site.ask("preview", *options)["url"]
    return url


def follow(site: Stack, url: str, browser: requests.Session | None = None) -> requests.Session:
    """A browser that has opened the link."""
    browser = browser or site.visitor()
    answer = browser.get(url, allow_redirects=False, timeout=10)
    assert answer.status_code == 303, answer.text
    return browser


def secret(site: Stack) -> str:
    return (site.directory / "keys" / "pin" / "pin.secret").read_text().strip()


def forged(site: Stack, kid: str = "preview", key: str | None = None, **changes: object) -> str:
    now = int(time.time())
    claims = {"sid": "s" * 22, "deploymentVersion": NEW, "iat": now, "exp": now + 60, "iss": "bgctl-preview"}
    return jwt.encode({**claims, **changes}, key or secret(site), "HS256", {"kid": kid})


def served(site: Stack, slot: str) -> int:
    count: int = site.proxy_status()["slots"][slot]["requests"]
    return count


def refusals(site: Stack, reason: str) -> int:
    text = requests.get(f"{site.control_url}/metrics", timeout=10).text
    wanted = f'bgctl_refused_tokens_total{{kind="preview",reason="{reason}"}} '
    return sum(int(line.removeprefix(wanted)) for line in text.splitlines() if line.startswith(wanted))


def test_only_who_has_the_link_gets_green(site):
    others = [site.visitor() for _ in range(3)] + [site.log_in("olga")]
    before = served(site, "green")
    link = link_of(site, "--to", BOARD)
    assert site.state()["phase"] == "preview"
    answer = requests.get(link, allow_redirects=False, timeout=10)
    assert answer.headers["Location"] == BOARD
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "HttpOnly; SameSite=Lax" in answer.headers["Set-Cookie"]
    shown = follow(site, link)
    for _ in range(10):
        assert {site.version_of(browser) for browser in others} == {OLD}
        assert requests.get(f"{site.url}/", timeout=10).headers["X-Deployment-Version"] == OLD
    time_seen = served(site, "blue")
    eventually(lambda: served(site, "blue") >= time_seen, "counts are folded")
    assert served(site, "green") == before, "not one request of theirs"
    assert site.version_of(shown) == NEW
    assert "bg_pin" not in shown.cookies, "no pin: afterwards the browser is as it was"
    assert site.version_of(follow(site, link, others[-1])) == NEW, "also with a session of the old version"


def is_down(site: Stack, slot: str) -> bool:
    return site.proxy_status()["slots"][slot]["health"]["up"] is False


def test_nobody_falls_to_a_green_that_is_only_previewed(site):
    shown = follow(site, link_of(site))
    before = served(site, "green")
    site.expected += [
        r"Connection refused\) while connecting to upstream",
        r"is (down: .*refused|up again: )",
    ]
    site.container("frontend-blue").stop(timeout=5)
    try:
        answers = [requests.get(f"{site.url}/", timeout=10) for _ in range(5)]
        assert {answer.status_code for answer in answers} == {503}
        assert site.version_of(shown) == NEW
        assert served(site, "green") <= before + 1
        eventually(lambda: is_down(site, "blue"), "the proxy has noticed, before it is started again")
    finally:
        site.bgctl("up")


def test_a_preview_of_a_green_that_is_down_is_an_error_and_no_answer_of_blue(site):
    shown = follow(site, link_of(site))
    site.expected += [
        r"Connection refused\) while connecting to upstream",
        r"is (down: .*refused|up again: )",
    ]
    site.container("frontend-green").stop(timeout=5)
    try:
        assert shown.get(f"{site.url}/", timeout=10).status_code == 503
        assert site.version_of(site.visitor()) == OLD
        said = site.bgctl("preview", code=3).stderr
        assert "green is not healthy" in said
        assert "bgctl up-green 1.6.8" in said
        eventually(lambda: is_down(site, "green"), "the proxy has noticed, before it is started again")
    finally:
        site.bgctl("route", "disable-green")
        site.bgctl("up-green", NEW)


BAD_LINKS = {
    "expired": lambda site: forged(site, exp=1_000_000_000),
    "signature": lambda site: forged(site, key="x" * 40),
    "unknown_kid": lambda site: forged(site, kid="pin"),
    "issuer": lambda site: forged(site, iss="bgctl-pin"),
    "malformed": lambda site: "x",
    "claims": lambda site: forged(site, deploymentVersion="../1"),
    "retired": lambda site: forged(site, deploymentVersion="9.9.9"),
}


@pytest.mark.parametrize("reason", BAD_LINKS)
def test_a_bad_link_says_so_and_is_counted(site, reason):
    link_of(site)
    before = refusals(site, reason)
    browser = site.visitor()
    answer = browser.get(
        f"{site.url}/_bgctl/preview",
        params={"token": BAD_LINKS[reason](site)},
        allow_redirects=False,
        timeout=10,
    )
    assert answer.status_code == (404 if reason == "retired" else 403)
    assert answer.text.startswith("This ")
    assert "bg_preview" not in browser.cookies
    eventually(lambda: refusals(site, reason) == before + 1, "the refusal is counted")


def test_a_bad_preview_cookie_is_no_cookie(site):
    link_of(site)
    pin = site.visitor()
    site.version_of(pin)
    for token in (*[make(site) for make in BAD_LINKS.values()], pin.cookies["bg_pin"], "", "%00", "x" * 9000):
        answer = requests.get(f"{site.url}/api/whoami", headers={"Cookie": f"bg_preview={token}"}, timeout=10)
        assert (answer.status_code, answer.json()["version"]) == (200, OLD)


def test_a_preview_is_no_pin_and_no_session(site):
    token = parse_qs(urlsplit(link_of(site)).query)["token"][0]
    for headers in (
        {"Cookie": f"bg_pin={token}"},
        {"Cookie": f"bg_session={token}"},
        {"Authorization": f"Bearer {token}"},
    ):
        answer = requests.get(f"{site.url}/api/whoami", headers=headers, timeout=10)
        assert answer.json()["version"] == OLD


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "evil.example",
        "",
        "/\t/evil.example",
        "/\r\nX-Evil: 1",
        " /x",
        "/x y",
        "javascript:alert(1)",
        "/" + "x" * 3000,
        "/é",
        "\\\\evil.example",
    ],
)
def test_a_link_leads_to_this_site_only(site, to):
    answer = requests.get(
        f"{site.url}/_bgctl/preview",
        params={"token": forged(site), "to": to},
        allow_redirects=False,
        timeout=10,
    )
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "X-Evil" not in answer.headers
    if "\x00" not in to:
        assert "is not a path of the site" in site.bgctl("preview", "--to", to, code=3).stderr


def test_two_destinations_are_none(site):
    link_of(site)
    url = f"{site.url}/_bgctl/preview?token={forged(site)}&to=/a&to=//evil.example"
    assert requests.get(url, allow_redirects=False, timeout=10).status_code == 400
    assert requests.post(url, allow_redirects=False, timeout=10).status_code == 405


def test_leaving(site):
    shown = follow(site, link_of(site))
    assert site.version_of(shown) == NEW
    shown.get(f"{site.url}/_bgctl/preview?end", allow_redirects=False, timeout=10)
    assert "bg_preview" not in shown.cookies
    assert site.version_of(shown) == OLD


def test_a_link_expires(site):
    shown = follow(site, link_of(site, "--life", "2s"))
    cookie = {"Cookie": f"bg_preview={shown.cookies['bg_preview']}"}

    def over() -> bool:
        answer = requests.get(f"{site.url}/api/whoami", headers=cookie, timeout=10)
        return bool(answer.json()["version"] == OLD)

    eventually(over, "the preview is over")
    assert site.version_of(shown) == OLD


def test_a_log_in_under_a_preview_stays_and_a_rollback_brings_it_back(site):
    shown = follow(site, link_of(site))
    shown.get(f"{site.url}/", timeout=10)
    shown.post(
        f"{site.url}/login", data={"user": "ada", "email": "a@example.test"}, timeout=10
    ).raise_for_status()
    assert (
        jwt.decode(shown.cookies["bg_session"], options={"verify_signature": False})["deploymentVersion"]
        == NEW
    )
    beat = shown.post(f"{site.url}/api/deployment/heartbeat", timeout=10).json()
    assert beat["updateAvailable"] is False
    shown.get(f"{site.url}/_bgctl/preview?end", allow_redirects=False, timeout=10)
    load = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert [site.version_of(shown), site.version_of(shown, **load)] == [NEW, NEW], (
        "nor does a page move it back"
    )
    site.bgctl("route", "enable-green")
    assert site.version_of(shown) == NEW
    site.bgctl("rollback")
    assert site.version_of(shown) == OLD
    assert site.state()["phase"] == "rest"


def test_again_it_changes_nothing_and_prints_another_link(site):
    first, state = link_of(site), site.state()
    assert link_of(site) != first
    assert site.state() == state
    site.bgctl("route", "enable-green")
    follow(site, link_of(site))
    assert site.state()["phase"] == "draining"


def test_a_dry_run_prints_no_link(site):
    said = site.bgctl("preview", "--dry-run").stdout
    assert "green 1.6.8 drain" in said
    assert "token=" not in said
    assert site.state()["phase"] == "candidate"


def test_without_a_candidate_it_is_refused(stack):
    assert "no release is under way" in stack.bgctl("preview", code=3).stderr


PASSES = 'curl -sfH "Cookie: $BGCTL_PREVIEW_COOKIE" "$BGCTL_URL/api/whoami" | grep -q "$BGCTL_VERSION"'


def test_a_check_goes_through_the_proxy_to_green(site):
    before = served(site, "green")
    said = site.bgctl("preview", "--check", PASSES + ' && echo all is well with "$BGCTL_PREVIEW_URL"').stdout
    assert "all is well" in said
    eventually(lambda: served(site, "green") == before + 1, "green has answered once")
    assert site.state()["phase"] == "preview"


@pytest.mark.parametrize("phase", ["candidate", "preview"])
def test_a_check_that_fails_leaves_things_as_they_were(site, phase):
    if phase == "preview":
        link_of(site)
    failed = site.bgctl("preview", "--check", 'echo "no: $BGCTL_PREVIEW_URL"; exit 7', code=1)
    assert "the check of green failed with exit code 7" in failed.stderr
    assert "no: http://127.0.0.1" in failed.stderr
    assert site.state()["phase"] == phase


def test_a_release_with_a_check(tmp_path):
    """It fails, and everything is taken back; it passes, and people get green."""
    with running(tmp_path / "project") as stack:
        toml = stack.directory / "bgctl.toml"
        plain = toml.read_text()
        toml.write_text(f"{plain}\n[preview]\ncheck = 'echo smoke; false'\n")
        failed = stack.bgctl("deploy", NEW, "--yes", "--skip-build", code=1)
        assert "smoke" in failed.stdout
        assert stack.state()["phase"] == "rest"
        assert stack.containers("frontend-green") == []
        assert stack.version_of(stack.visitor()) == OLD
        toml.write_text(f"{plain}\n[preview]\ncheck = '''{PASSES}'''\n")
        stack.bgctl("deploy", NEW, "--yes", "--skip-build")
        assert stack.version_of(stack.visitor()) == NEW
        text = (stack.directory / "state/history.jsonl").read_text()
        assert [json.loads(line)["what"] for line in text.splitlines()].count("preview check") == 2


def test_the_link_is_written_down_nowhere(site):
    site.bgctl("preview", "--check", 'echo "$BGCTL_PREVIEW_URL"')
    token = parse_qs(urlsplit(link_of(site)).query)["token"][0]
    follow(site, f"{site.url}/_bgctl/preview?token={token}")
    requests.get(f"{site.url}/_bgctl/preview?token={token}x", timeout=10)
    for service in ("proxy", "session-api", "frontend-green"):
        assert token[:60] not in site.container(service).logs().decode()
    for path in (site.directory / "state").rglob("*"):
        assert not path.is_file() or token[:60] not in path.read_text()
