"""bgctl.toml as init writes it: short, with a reason beside each guess, and such that bgctl takes it."""

from pathlib import Path

from tests.unit.toolkit.support.init_worlds import WEB, Planned, around
from toolkit import config
from toolkit.config.kinds import Host, Route
from toolkit.init import text
from toolkit.init.plan import Given, Plan
from toolkit.init.probe import Seen
from toolkit.values import Address

FLASKSHOP = """\
# Written by `bgctl init`. What is not here has its default: `bgctl init --example` explains every setting.

[project]
name = "shop"                     # what plain compose calls this project

[proxy]
listen = "0.0.0.0:18000"          # where web is published today: bgctl takes its place
secure_cookies = false            # browsers come by plain HTTP; remove this line when they come by HTTPS

# [tls]                           # for HTTPS in bgctl's proxy: remove the first "# " of these lines
# certificate = "certs/fullchain.pem"  # and name your files
# key = "certs/privkey.pem"

[services.web]                    # the one app here with a published port
port = 8000                       # in the container; from ports
routes = ["/"]
blue = "127.0.0.1:8081"           # free ports of this machine, one for each slot
green = "127.0.0.1:8082"
health = "/health"                # it answered with a 2xx here when bgctl init asked

[services.session-api]            # bgctl's own; browsers need of it what is below /api/deployment/
address = "127.0.0.1:8090"
health = "/readyz"
"""
WHOLE = """
services:
  web: {build: ., ports: ['80:8000'], environment: {ALLOWED_HOSTS: shop.example}}
  jobs_1: {build: .}
  api: {build: ./api, ports: ['81:81'], healthcheck: {test: check.sh}}
  proxy: {image: squid}
  session-api: {image: mine}
"""


def plan(root: Path, compose: str, given: Given | None = None, **machine: object) -> Plan:
    return Planned(around(root, compose, running=["web"]), given, **machine).plan  # type: ignore[arg-type]


def test_an_ordinary_project(tmp_path: Path) -> None:
    assert text.of(plan(tmp_path, WEB, seen=Seen("/health"))) == FLASKSHOP


def test_bgctl_takes_all_that_can_be_in_it(tmp_path: Path) -> None:
    given = Given(
        "web",
        also={"api": (Route("/api/"), Route("= /in"))},
        engine="podman",
        compose_files=("compose.yaml",),
    )
    found = plan(tmp_path, WHOLE, given, taken={8090, 9180, 8081})
    read = config.parse(text.of(found))
    assert read.project.name == "shop"
    assert (read.project.engine, read.proxy.service) == ("podman", "bgctl-proxy")
    assert (read.proxy.control, read.sessions.address) == ("127.0.0.1:9181", "127.0.0.1:8091")
    assert read.proxy.listen == ("0.0.0.0:80",)
    assert not read.proxy.secure_cookies
    web, api, jobs = (read.services[name] for name in ("web", "api", "jobs_1"))
    assert (web.port, web.blue, web.green) == (8000, "127.0.0.1:8082", "127.0.0.1:8083")
    assert (web.health_host, api.routes, api.health) == ("shop.example", ("/api/", "= /in"), "container")
    assert jobs.worker
    assert read.is_session_api(read.services["bgctl-session-api"])


def test_with_a_domain_browsers_come_by_https(tmp_path: Path) -> None:
    written = text.of(plan(tmp_path, WEB, Given(domain=Host("shop.example"))))
    read = config.parse(written)
    assert (read.preview.url, read.proxy.secure_cookies) == ("https://shop.example", True)
    assert "secure_cookies" not in written


def test_tls_works_once_its_marks_are_removed(tmp_path: Path) -> None:
    written = text.of(plan(tmp_path, WEB, Given(domain=Host("shop.example"), listen=Address("0.0.0.0:80"))))
    lines = [line.removeprefix("# ") for line in written.splitlines()]
    read = config.parse("\n".join(lines[1:]))
    assert read.tls.on


def test_an_app_that_sends_browsers_to_https_is_told(tmp_path: Path) -> None:
    written = text.of(plan(tmp_path, WEB, seen=Seen("/health", https=True)))
    assert "secure_cookies = true             # web sends browsers to HTTPS" in written
