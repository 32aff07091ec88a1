"""Pins do no harm, and last: over silence, POSTs from another site, caches in front; no jar at all."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import docker
import jwt
import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, Response
from prometheus_client.parser import text_string_to_metric_families

from testbed.labels import labels
from testbed.ports import Ports
from tests.e2e.support.actors import acting
from tests.e2e.support.browsers import chromium
from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running
from tests.e2e.support.workbench import IMAGE

LOAD = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}
FETCH = {
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Site": "same-origin",
    "Accept": "*/*",
}
PIN_IDLE = 3  # seconds


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("pins") / "project", pin_idle=f"{PIN_IDLE}s") as one:
        one.bgctl("up-green", NEW)
        yield one


@pytest.fixture(autouse=True)
def _all_on_blue(site: Stack) -> None:
    site.bgctl("route", "disable-green")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(ignore_https_errors=True)
    made.set_default_timeout(15_000)
    yield made
    made.close()


@contextmanager
def elsewhere(html: str) -> Iterator[str]:
    """The address of a page of another site: localhost, where the stack is 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def listen(context: BrowserContext, site: Stack) -> list[tuple[str, str]]:
    """Path and version of each answer that the site gives from now on."""
    heard: list[tuple[str, str]] = []

    def hear(answer: Response) -> None:
        if answer.url.startswith(site.url):
            heard.append((answer.url.removeprefix(site.url), answer.headers.get("x-deployment-version", "")))

    context.on("response", hear)
    return heard


def log_in(site: Stack, page: Page) -> None:
    page.goto(f"{site.url}/login")
    page.get_by_label("Name").fill("Ada")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{site.url}/")


def pin_of(context: BrowserContext) -> str:
    (value,) = (cookie["value"] for cookie in context.cookies() if cookie["name"].endswith("bg_pin"))
    return value


def says(pin: str) -> str:
    version: str = jwt.decode(pin, options={"verify_signature": False})["deploymentVersion"]
    return version


def silence(site: Stack) -> None:
    """Until the pin of a visitor would be over: it lasts for up to half as long again (bg.routing.router)."""
    began = site.proxy_status()["activity"]["lastDelivery"]
    eventually(
        lambda: site.proxy_status()["activity"]["lastDelivery"] > began + 1.5 * PIN_IDLE + 1,
        "a pin's life is over",
    )


@pytest.mark.threat(73)
def test_73_a_link_after_a_long_silence_finds_the_session_where_it_was(site, context):
    """The Strict cookie stays away from a link in a webmail: page and scripts are of one version still."""
    page = context.new_page()
    log_in(site, page)
    page.goto("about:blank")
    site.bgctl("route", "enable-green")
    silence(site)
    heard = listen(context, site)
    with elsewhere(f'<a href="{site.url}/">to the board</a>') as webmail:
        page.goto(webmail)
        page.get_by_role("link").click()
        page.wait_for_function("document.querySelectorAll('#track li').length > 1")
    assert page.locator("html").get_attribute("data-version") == OLD
    assert {version for _, version in heard} == {OLD}, heard
    assert len(heard) > 2


@pytest.mark.threat(72)
def test_72_a_post_from_another_site_mixes_nothing_and_moves_nobody(site, context):
    """The answer to it is a page, of whichever version; its files are of the same one, nothing else is."""
    page = context.new_page()
    log_in(site, page)
    site.bgctl("route", "enable-green")
    page.reload()
    pin = pin_of(context)
    page.goto("about:blank")
    heard = listen(context, site)
    form = f'<form method="post" action="{site.url}/login"><input name="user"><button>Pay</button></form>'
    with elsewhere(form) as bank:
        page.goto(bank)
        page.get_by_role("button").click()
        page.wait_for_url(f"{site.url}/login")
        page.wait_for_load_state("load")
    assert page.locator("html").get_attribute("data-version") == NEW
    assert {version for path, version in heard if path.startswith(("/login", "/assets"))} == {NEW}, heard
    assert [path for path, _ in heard if path.startswith("/assets")]
    assert pin_of(context) == pin
    page.goto(f"{site.url}/")
    assert page.locator("html").get_attribute("data-version") == OLD


@pytest.mark.threat(72)
def test_72_a_log_in_by_a_post_from_another_site_is_pinned(site):
    """As an identity provider does it: the redirect that follows comes without the Strict cookie."""
    site.bgctl("route", "enable-green")
    foreign = {**LOAD, "Sec-Fetch-Site": "cross-site", "Origin": "https://idp.example"}
    answer = site.visitor().post(
        f"{site.url}/login", data={"user": "ida"}, headers=foreign, timeout=10, allow_redirects=False
    )
    cookies = {cookie.name: cookie.value for cookie in answer.cookies}
    assert set(cookies) == {"bg_session", "bg_pin"}
    assert says(cookies["bg_pin"]) == says(cookies["bg_session"]) == NEW
    refused = site.visitor().post(f"{site.url}/login", data={}, headers=foreign, timeout=10)
    assert {cookie.name for cookie in refused.cookies} == {"bg_page"}


CACHED = [
    "Cache-Control=public",
    "Cache-Control=public, max-age=60",
    "Cache-Control=max-age=60",
    "Cache-Control=MAX-AGE=60",
    "Cache-Control=s-maxage=1",
    "Cache-Control=max-age=0,s-maxage=60",
    "Cache-Control=immutable",
    "Cache-Control=public&Cache-Control=immutable",
    "Expires=Thu, 01 Dec 2094 16:00:00 GMT",
]
PINNED = {
    "": "private",
    "Cache-Control=no-cache": "no-cache, private",
    "Cache-Control=public, max-age=0": "public, max-age=0, private",
    "Cache-Control=max-age=60, s-maxage=0": "max-age=60, s-maxage=0, private",
    "Cache-Control=private, max-age=60": "private, max-age=60",
    "Cache-Control=no-store": "no-store",
    "Expires=0": "private",
    "Expires=Thu, 01 Jan 1970 00:00:00 GMT": "private",
}


@pytest.mark.threat(71)
def test_71_no_pin_on_an_answer_that_a_shared_cache_may_use(site):
    """And one that has a pin says that it is for one browser."""

    def ask(query: str, **headers: str) -> requests.Response:
        url = f"{site.url}/says?{query.replace(' ', '%20')}"
        return requests.get(url, headers={**LOAD, **headers}, timeout=10)

    with acting(site, "blue"):
        for query in CACHED:
            assert "bg_pin" not in ask(query).headers["Set-Cookie"], query
        for query, said in PINNED.items():
            answer = ask(query)
            assert "bg_pin" in answer.headers["Set-Cookie"], query
            assert answer.headers["Cache-Control"] == said, query
        plain = requests.get(f"{site.url}/says", timeout=10)
        assert "bg_pin" not in plain.headers["Set-Cookie"], "no page, and no cookie"
        assert "Cache-Control" not in plain.headers
        site.bgctl("preview", "--check", "true")
        link = site.ask("preview")["url"]
        shown = requests.get(link, allow_redirects=False, timeout=10).headers["Set-Cookie"].partition(";")[0]
    answer = requests.get(f"{site.url}/assets/{_asset(site, shown)}", headers={"Cookie": shown}, timeout=10)
    assert answer.headers["X-Deployment-Version"] == NEW
    assert answer.headers["Cache-Control"].endswith("immutable, private"), "nobody else is shown a candidate"


def _asset(site: Stack, cookies: str) -> str:
    text = requests.get(f"{site.url}/", headers={**LOAD, "Cookie": cookies}, timeout=10).text
    return re.findall(r'"/assets/([^"]+\.js)"', text)[0]


CACHE = """\
include /opt/bgctl/modules.conf;
worker_processes 1;
error_log stderr warn;
pid /tmp/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    proxy_cache_path /tmp/cache keys_zone=front:1m;
    server {
        listen 127.0.0.1:%(port)d;
        location / {
            proxy_pass %(url)s;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_cache front;
            proxy_ignore_headers Set-Cookie;  # as RFC 9111 has it: a cookie alone does not keep an answer out
            add_header X-Cache $upstream_cache_status always;
        }
    }
}
"""


@contextmanager
def front(site: Stack, folder: Path) -> Iterator[str]:
    """A cache between browsers and the proxy, as a CDN is one: it goes by Cache-Control and Expires alone."""
    port = Ports.free().proxy
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(CACHE % {"port": port, "url": site.url})
    container = docker.from_env().containers.run(
        IMAGE,
        detach=True,
        labels=labels(),
        network_mode="host",
        read_only=True,
        tmpfs={"/tmp": "mode=1777"},
        volumes={str(folder): {"bind": "/etc/bgctl", "mode": "ro"}},
    )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{url}/healthz", timeout=10).ok
        except requests.ConnectionError:
            return False

    try:
        eventually(answers, "the cache answers")
        yield url
        assert container.logs().decode() == "", "the error log is clean"
    finally:
        container.remove(force=True)


@pytest.mark.threat(71)
def test_71_through_a_cache_nobody_gets_anothers_pin(site, tmp_path):
    with front(site, tmp_path) as url:
        old = site.visitor()
        old.get(f"{url}/", headers=LOAD, timeout=10)
        asset = re.findall(r'"(/assets/[^"]+\.js)"', old.get(f"{url}/", headers=LOAD, timeout=10).text)[0]
        first = requests.get(url + asset, headers={"Accept": "text/html"}, timeout=10)
        site.bgctl("route", "enable-green")
        kept = requests.get(url + asset, headers=LOAD, timeout=10)
        assert (first.headers["X-Cache"], kept.headers["X-Cache"]) == ("MISS", "HIT")
        assert "Set-Cookie" not in first.headers
        assert "Set-Cookie" not in kept.headers
        assert kept.text == first.text

        new = [site.visitor() for _ in range(3)]
        pins = set()
        for _ in range(2):
            for browser, version in [(old, OLD), *((each, NEW) for each in new)]:
                answer = browser.get(f"{url}/", headers=LOAD, timeout=10)
                assert answer.headers["X-Cache"] == "MISS"
                assert f'data-version="{version}"' in answer.text
                pins.add(browser.cookies["bg_pin"])
        assert len(pins) == 4, "each has its own"


def decisions(site: Stack, reason: str) -> int:
    text = requests.get(f"{site.control_url}/metrics", timeout=10).text
    found = re.findall(rf'bgctl_decisions_total\{{slot="\w+",reason="{reason}"\}} (\d+)', text)
    return sum(map(int, found))


def refused(site: Stack) -> float:
    text = requests.get(f"{site.control_url}/metrics", timeout=10).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    return sum(sample.value for sample in families["bgctl_refused_tokens"].samples)


@pytest.mark.threat(75)
def test_75_one_credential_has_one_version_over_a_switch(site):
    site.settled()
    before, forged = decisions(site, "credential"), refused(site)
    basic = {"Authorization": "Basic c2VydmljZTprZXk="}
    opaque = {"Authorization": "Bearer sk_live_7f3Kq0"}

    def version(headers: dict[str, str]) -> str:
        answer = requests.get(f"{site.url}/api/whoami", headers=headers, timeout=10)
        assert "Set-Cookie" not in answer.headers
        found: str = answer.headers["X-Deployment-Version"]
        return found

    assert [version(basic), version(opaque)] == [OLD, OLD]
    site.bgctl("route", "enable-green")
    assert [version(headers) for headers in (basic, opaque) for _ in range(8)] == [OLD] * 16
    assert version({"Authorization": "Bearer sk_live_another"}) == NEW
    eventually(lambda: site.census()["versions"][OLD]["anonymous"] >= 2, "a drain waits for them")
    said = site.ask("explain", stdin="Authorization: Bearer sk_live_7f3Kq0\n")
    assert (said["reason"], said["version"]) == ("credential", OLD)
    assert "sk_live" not in json.dumps(said)
    site.settled()
    assert (decisions(site, "credential") - before, refused(site) - forged) == (19, 0)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Half of all new sessions get NEW; pins are for all hosts of shop.localhost, and for frames."""
    with running(
        tmp_path_factory.mktemp("hosts") / "project",
        tls=True,
        pin={"domain": "shop.localhost", "same_site": "none"},
        headers={"X-Frame-Options": ""},
    ) as one:
        one.bgctl("up-green", NEW)
        one.bgctl("route", "canary", "50")
        yield one


def versions(context: BrowserContext, port: int) -> list[str]:
    """Versions of all that the hosts of the site answer from now on."""
    heard: list[str] = []

    def hear(answer: Response) -> None:
        if f".shop.localhost:{port}/" in answer.url:
            heard.append(answer.headers.get("x-deployment-version", ""))

    context.on("response", hear)
    return heard


@pytest.mark.threat(74)
def test_74_hosts_of_one_site_have_one_draw(hosts, browser):
    port = hosts.ports.tls
    for _ in range(3):
        with browser.new_context(ignore_https_errors=True) as context:
            heard, page = versions(context, port), context.new_page()
            page.goto(f"https://app.shop.localhost:{port}/login")
            for host in ("api", "www", "api"):
                page.goto(f"https://{host}.shop.localhost:{port}/login")
            assert len(heard) > 8
            assert len(set(heard)) == 1, heard
            (pin,) = (cookie for cookie in context.cookies() if cookie["name"] == "__Secure-bg_pin")
            assert (pin["domain"], pin["sameSite"]) == (".shop.localhost", "None")


@pytest.mark.threat(73)
def test_73_a_frame_on_another_site_is_of_one_version(hosts, browser):
    frame = f'<iframe src="https://app.shop.localhost:{hosts.ports.tls}/login"></iframe>'
    with elsewhere(frame) as other:
        for _ in range(3):
            with browser.new_context(ignore_https_errors=True) as context:
                heard, page = versions(context, hosts.ports.tls), context.new_page()
                for _ in range(4):
                    page.goto(other, wait_until="load")
                assert len(heard) > 8
                assert len(set(heard)) == 1, heard


@pytest.mark.threat(72)
def test_72_with_such_a_pin_a_post_from_another_site_is_the_sessions_own(hosts, browser):
    app = f"https://app.shop.localhost:{hosts.ports.tls}"
    form = f'<form method="post" action="{app}/login"><input name="user"><button>Pay</button></form>'
    with elsewhere(form) as bank:
        for _ in range(3):
            with browser.new_context(ignore_https_errors=True) as context:
                heard, page = versions(context, hosts.ports.tls), context.new_page()
                page.goto(f"{app}/login")
                page.goto(bank)
                page.get_by_role("button").click()
                page.wait_for_url(f"{app}/login")
                page.wait_for_load_state("load")
                assert len(set(heard)) == 1, heard
