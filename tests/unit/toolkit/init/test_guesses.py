"""Port, health path and version, from what the compose file and an image say."""

import pytest

from toolkit.engine.compose import Compose, ComposeService
from toolkit.engine.container import HealthCheck
from toolkit.engine.images import ImageConfig
from toolkit.init import guesses


def service(entry: str) -> ComposeService:
    return Compose.parse(f"services: {{a: {{{entry}}}}}").services["a"]


def image(*ports: str, test: list[str] | None = None) -> ImageConfig:
    return ImageConfig({port: {} for port in ports}, HealthCheck(test) if test else None)


@pytest.mark.parametrize(
    ("entry", "of_image", "port", "source"),
    [
        ("ports: ['18000:8000']", image(), 8000, "from ports"),
        ("ports: ['127.0.0.1:18000:8000/tcp']", image("80/tcp"), 8000, "from ports"),
        ("ports: ['::1:18000:8000/tcp']", image(), 8000, "from ports"),
        ("ports: ['8000']", image(), 8000, "from ports"),
        ("ports: [8000]", image(), 8000, "from ports"),
        ("ports: [{target: 8000, published: '18000'}]", image(), 8000, "from ports"),
        ("ports: ['18000-18001:8000-8001']", image(), 8000, "from ports"),
        ("ports: ['8443:443', '8080:80']", image(), 80, "from ports"),
        ("ports: ['8443:443']", image(), 443, "from ports"),
        ("ports: ['9229:9229', '3000:3000']", image(), 3000, "from ports"),
        ("ports: ['53:53/udp'], expose: ['7000']", image(), 7000, "from expose"),
        ("expose: [7000]", image("80/tcp"), 7000, "from expose"),
        (
            "healthcheck: {test: curl -f http://localhost:5000/up}",
            image("80/tcp"),
            5000,
            "from the healthcheck",
        ),
        ("command: x", image("53/udp", "4567/tcp"), 4567, "from EXPOSE of its image"),
        ("environment: {PORT: '3000'}", image(), 3000, "from PORT in its environment"),
        ("environment: ['PORT=3000']", image(), 3000, "from PORT in its environment"),
        (
            "ports: ['1:9100', '2:9200'], healthcheck: {test: wget -qO- http://127.0.0.1:9200/}",
            image(),
            9200,
            "from ports",
        ),
    ],
)
def test_the_port_in_the_container(entry: str, of_image: ImageConfig, port: int, source: str) -> None:
    assert guesses.port(service(entry), of_image) == guesses.Guess(port, source)


def test_a_port_that_nothing_says() -> None:
    assert guesses.port(service("environment: {PORT: '$$X'}"), image("53/udp")) is None


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ("test: ['CMD-SHELL', 'curl -f http://localhost:8000/health || exit 1']", "/health"),
        ("test: ['CMD', 'wget', '-qO-', 'http://127.0.0.1:8000/up?deep=1']", "/up?deep=1"),
        ("test: curl -fsS 'http://localhost:8000/health/'", "/health/"),
        (
            """test: ["CMD", "python", "-c", "import urllib.request as u; u.urlopen('http://localhost:8000/h')"]""",
            "/h",
        ),
        ("test: curl http://localhost:$$PORT/health", "/health"),
        ('test: "curl http://localhost:$${PORT}/health"', "/health"),
        ("test: 'curl http://[::1]:8000/health'", "/health"),
        ("test: curl --fail http://localhost:8000", "/"),
        ("test: curl --fail http://localhost:9000/metrics", None),
        ("test: curl http://other:8000/health", None),
        ("test: pg_isready -U blog", None),
        ("test: [NONE]", None),
        ("disable: true", None),
        ("interval: 5s", None),
    ],
)
def test_the_path_that_its_healthcheck_asks(entry: str, path: str | None) -> None:
    found = guesses.health(service(f"healthcheck: {{{entry}}}"), image(), 8000)
    assert (found.value if found else None) == path


def test_the_healthcheck_of_the_image_counts_where_the_compose_file_has_none() -> None:
    own = image(test=["CMD", "curl", "http://localhost/ok"])
    assert guesses.health(service("image: x"), own, 80)
    assert guesses.checked(service("image: x"), own)
    assert not guesses.checked(service("image: x, healthcheck: {disable: true}"), own)
    assert not guesses.checked(service("image: x"), image(test=["NONE"]))
    assert not guesses.checked(service("image: x"), image())


@pytest.mark.parametrize(
    ("entry", "listen"),
    [
        ("'18000:8000'", "0.0.0.0:18000"),
        ("'127.0.0.1:18000:8000'", "127.0.0.1:18000"),
        ("'[::1]:18000:8000'", "[::1]:18000"),
        ("'::1:18000:8000/tcp'", "[::1]:18000"),
        ("{target: 8000, published: 18000, host_ip: 192.0.2.1}", "192.0.2.1:18000"),
        ("'17999-18000:7999-8000'", "0.0.0.0:18000"),
        ("'8000'", None),
        ("'18000-18010:8000'", None),
        ("'18000:8001'", None),
    ],
)
def test_where_people_reach_a_port_today(entry: str, listen: str | None) -> None:
    found = guesses.binding(service(f"ports: [{entry}]"), 8000)
    assert (guesses.listen(found) if found else None) == listen


@pytest.mark.parametrize(
    ("name", "described", "version"),
    [
        ("shop/web:1.6.7", "v9", "1.6.7"),
        ("registry.example:5000/web:1.6.7@sha256:00", "", "1.6.7"),
        ("registry.example:5000/web", "v1.2-3-gabc", "v1.2-3-gabc"),
        ("shop/web:latest", "v9", "v9"),
        ("shop/web:", "", "1"),
        ("", "release/1", "1"),
        ("", "1.0+2", "1"),
        ("", "", "1"),
    ],
)
def test_the_version_that_runs_today(name: str, described: str, version: str) -> None:
    assert guesses.version(name, described).value == version
