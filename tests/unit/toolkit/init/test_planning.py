"""The plan: each guess, what is asked where nothing can be guessed, and what an option says otherwise."""

from pathlib import Path

import pytest

from tests.unit.toolkit.support.init_worlds import WEB, Answers, Planned, around
from toolkit.config.kinds import HealthPath, Host, Route
from toolkit.engine.container import HealthCheck
from toolkit.engine.images import ImageConfig
from toolkit.errors import Refused
from toolkit.init.guesses import Guess
from toolkit.init.plan import Given
from toolkit.init.probe import Seen
from toolkit.values import Address

CHECKED = ImageConfig(None, HealthCheck(["CMD", "/bin/check"]))


def test_what_is_seen_is_not_asked(tmp_path: Path) -> None:
    plan = Planned(around(tmp_path, WEB, running=["web"]), seen=Seen("/health")).plan
    web = plan.web
    assert (web.name, web.routes, web.port, web.replicas) == ("web", ("/",), Guess(8000, "from ports"), 1)
    assert web.health and web.health.value == "/health"
    assert web.addresses == ("127.0.0.1:8081", "127.0.0.1:8082")
    assert (plan.listen.value, plan.https, plan.domain, plan.proxy) == ("0.0.0.0:18000", False, "", "proxy")
    assert plan.version.value == "1"
    assert plan.compose_files is None


def test_both_families_where_the_engine_publishes_on_both(tmp_path: Path) -> None:
    assert Planned(around(tmp_path, WEB), by_ipv6=True).plan.listen.value == "[::]:18000"
    named = WEB.replace("18000:8000", "127.0.0.1:18000:8000")
    assert named != WEB
    assert Planned(around(tmp_path, named), by_ipv6=True).plan.listen.value == "127.0.0.1:18000"


def test_every_answer_is_an_option_too(tmp_path: Path) -> None:
    given = Given(
        "web", 9, HealthPath("/h"), Host("shop.example"), Address("127.0.0.1:80"), "2.0", engine="podman"
    )
    plan = Planned(around(tmp_path, WEB), given).plan
    assert (plan.web.port, plan.web.health) == (Guess(9, "as it was given"), Guess("/h", "as it was given"))
    assert (plan.listen.value, plan.version.value, plan.engine) == ("127.0.0.1:80", "2.0", "podman")
    assert (plan.domain, plan.https) == ("shop.example", True)


def test_what_cannot_be_seen_is_asked(tmp_path: Path) -> None:
    ask = Answers("shop.example", "8000", "/up")
    plan = Planned(around(tmp_path, "services: {web: {build: .}}"), Given(service="web"), ask).plan
    assert (plan.domain, plan.web.port, plan.web.health) == (
        "shop.example",
        Guess(8000, "as it was given"),
        Guess("/up", "as it was given"),
    )
    assert not ask.left


def test_nothing_is_asked_that_an_option_or_a_look_has_said(tmp_path: Path) -> None:
    ask = Answers()
    Planned(around(tmp_path, WEB, running=["web"]), Given(domain=Host("")), ask, seen=Seen("/"))
    assert ask.asked == []


@pytest.mark.parametrize("answer", ["0", "65536", "http", "-1"])
def test_an_answer_that_is_no_port_is_asked_again(tmp_path: Path, answer: str) -> None:
    """The asker asks again on ValueError; this one has nobody behind it."""
    ask = Answers("", answer)
    with pytest.raises(ValueError, match="is no port; write one like 8000"):
        Planned(around(tmp_path, "services: {web: {build: .}}"), Given(service="web"), ask)


def test_a_port_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="the port of web in its container is not known") as caught:
        Planned(around(tmp_path, "services: {web: {build: .}}"), Given(service="web"))
    assert caught.value.next == "bgctl init --port PORT"


@pytest.mark.parametrize(
    ("entry", "running", "seen", "image", "health"),
    [
        ("test: curl http://localhost:8000/h", False, Seen(), ImageConfig(), "/h"),
        ("test: curl http://localhost:8000/h", True, Seen("/up"), ImageConfig(), "/h"),
        ("test: check.sh", True, Seen("/up"), ImageConfig(), "/up"),
        ("test: check.sh", False, Seen("/up"), ImageConfig(), "container"),
        ("interval: 1s", False, Seen(), CHECKED, "container"),
        ("disable: true", False, Seen(), CHECKED, "/"),
        ("interval: 1s", True, Seen(), ImageConfig(), "/"),
    ],
)
def test_where_the_health_is_from(
    tmp_path: Path, entry: str, running: bool, seen: Seen, image: ImageConfig, health: str
) -> None:
    text = f"services: {{web: {{build: ., ports: ['18000:8000'], healthcheck: {{{entry}}}}}}}"
    found = Planned(around(tmp_path, text, running=["web"] * running), image=image, seen=seen)
    assert found.plan.web.health and found.plan.web.health.value == health
    assert bool(found.notes) is (health == "/")


def test_an_app_behind_a_name_of_its_own(tmp_path: Path) -> None:
    """Django answers 400 to any other name, and redirects what has not come by HTTPS."""
    hosts = "environment: {ALLOWED_HOSTS: 'localhost, .x, 127.0.0.1,blog.example,*'}"
    world = around(tmp_path, f"services: {{web: {{build: ., ports: ['80:80'], {hosts}}}}}", running=["web"])
    found = Planned(world, seen=Seen("/health", https=True))
    assert found.hosts == ["blog.example"]
    assert found.plan.health_host and found.plan.health_host.value == "blog.example"
    assert found.plan.https
    named = Planned(world, Given(domain=Host("shop.example")))
    assert (named.hosts, named.plan.health_host) == (["shop.example"], None)


def test_allowed_hosts_of_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ALLOWED_HOSTS=blog.example\n")
    plan = Planned(around(tmp_path, WEB)).plan
    assert plan.health_host and plan.health_host.value == "blog.example"


def test_an_app_that_refuses_all_is_noted(tmp_path: Path) -> None:
    found = Planned(around(tmp_path, WEB, running=["web"]), seen=Seen(refused=400))
    assert "web answers 400 to all that bgctl init asks" in found.notes[0]


def test_replicas_workers_and_other_services(tmp_path: Path) -> None:
    text = """
services:
  web: {build: ., ports: ['80:8000'], deploy: {replicas: 3}}
  jobs: {build: ., scale: 2}
  api: {build: ./api, ports: ['81:81']}
"""
    plan = Planned(around(tmp_path, text), Given(service="web", also={"api": (Route("/api/"),)})).plan
    web, api, jobs = plan.services
    assert (web.replicas, api.replicas, jobs.replicas) == (3, 1, 2)
    assert web.addresses == ("127.0.0.1:8081", "127.0.0.1:8084")
    assert api.addresses == ("127.0.0.1:8087", "127.0.0.1:8088")
    assert (jobs.worker, jobs.routes, jobs.addresses) == (True, (), None)
    assert (api.port, api.routes) == (Guess(81, "from ports"), ("/api/",))


def test_no_port_that_the_compose_file_publishes_is_taken(tmp_path: Path) -> None:
    text = """
services:
  web: {build: ., ports: ['8081:8000']}
  db: {image: postgres, ports: ['8082:5432', '9180:1', '8090:2']}
"""
    plan = Planned(around(tmp_path, text), taken={8083}).plan
    assert plan.web.addresses == ("127.0.0.1:8084", "127.0.0.1:8085")
    assert (plan.control, plan.sessions) == ("127.0.0.1:9181", "127.0.0.1:8091")


def test_what_is_published_nowhere_gets_a_free_port(tmp_path: Path) -> None:
    text = "services: {web: {build: ., ports: ['8000']}, x: {image: x, ports: ['8080:1']}}"
    assert Planned(around(tmp_path, text), taken={8081}).plan.listen.value == "127.0.0.1:8082"


def test_the_users_own_services_keep_their_names(tmp_path: Path) -> None:
    text = "services: {web: {build: ., ports: ['80:80']}, proxy: {image: squid}, session-api: {image: x}}"
    plan = Planned(around(tmp_path, text)).plan
    assert (plan.proxy, plan.session_api) == ("bgctl-proxy", "bgctl-session-api")


@pytest.mark.parametrize(
    ("env", "given", "image", "described", "version", "source"),
    [
        ("CURRENT_VERSION=7\n", "", "w:1.6", "v9", "7", "CURRENT_VERSION of .env"),
        ("CURRENT_VERSION=7\n", "7", "w:1.6", "v9", "7", "CURRENT_VERSION of .env"),
        ("", "8", "w:1.6", "v9", "8", "as it was given"),
        ("", "", "w:1.6", "v9", "1.6", "the tag of w:1.6"),
        ("", "", "w", "v9", "v9", "from git describe"),
    ],
)
def test_the_first_version(
    tmp_path: Path, env: str, given: str, image: str, described: str, version: str, source: str
) -> None:
    (tmp_path / ".env").write_text(env)
    text = f"services: {{web: {{image: '{image}', ports: ['80:80']}}}}"
    plan = Planned(around(tmp_path, text), Given(version=given), described=described).plan
    assert plan.version == Guess(version, source)


def test_another_version_than_that_of_the_env_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CURRENT_VERSION=7\n")
    with pytest.raises(Refused, match=r"CURRENT_VERSION is 7 in \.env: --version says 8"):
        Planned(around(tmp_path, WEB), Given(version="8"))


@pytest.mark.parametrize(
    ("source", "others", "written"),
    [
        ("", [], None),
        ("COMPOSE_FILE of .env", [], None),
        ("bgctl.toml", [], "as it was given"),
        ("COMPOSE_FILE of the environment", [], "as COMPOSE_FILE names them"),
        ("", ["docker-compose.yml"], "there are others here"),
        ("", ["compose.override.yml"], None),
    ],
)
def test_compose_files_are_named_where_others_would_be_taken(
    tmp_path: Path, source: str, others: list[str], written: str | None
) -> None:
    for name in others:
        (tmp_path / name).write_text("services: {}\n")
    found = Planned(around(tmp_path, WEB, source=source)).plan.compose_files
    assert found is None if written is None else found and found.source.startswith(written)
