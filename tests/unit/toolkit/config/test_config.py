"""bgctl.toml: the example is true, and every mistake is named with its line (threat 50)."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import config
from toolkit.config.kinds import Name
from toolkit.config.reading import NAMED
from toolkit.errors import Refused

EXAMPLE = (Path(__file__).parents[4] / "bgctl.example.toml").read_text()


def replaced(old: str, new: str) -> str:
    assert old in EXAMPLE
    return EXAMPLE.replace(old, new, 1)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(part))


def test_example_is_valid_and_its_settings_are_the_defaults() -> None:
    example = config.parse(EXAMPLE)
    bare = config.Config(project=config.ProjectTable(name=Name("shop")), services=example.services)
    assert example == bare


def test_example_names_every_setting() -> None:
    for table in msgspec.structs.fields(config.Config):
        kind = NAMED[table.name][0] if table.name in NAMED else table.type
        names = (
            config.HEADERS
            if table.name == "headers"
            else [setting.name for setting in msgspec.structs.fields(kind)]
        )
        for name in names:
            assert f"{name} = " in EXAMPLE, f"{table.name}.{name} is not in the example"


MISTAKES = [
    ("[proxy]", "[proxy", "not TOML"),
    ("workers = 0", 'workers = "two"', "proxy.workers: Expected `int`"),
    ("workers = 0", "workers = 65", "proxy.workers"),
    ("connections = 0", "connections = -1", "proxy.connections"),
    ("sessions = 0", "sessions = -1", "proxy.sessions"),
    ("workers = 0", "werkers = 2", "proxy.werkers: is not a setting"),
    ("[drain]", "[drian]", "drian: is not a setting"),
    ('engine = "auto"', 'engine = "rkt"', "project.engine"),
    ('name = "shop"', 'name = "Shop Two"', "project.name"),
    ('control = "127.0.0.1:9180"', 'control = "0.0.0.0:9180"', "must be on a loopback address"),
    ('control = "127.0.0.1:9180"', 'control = "localhost:9180"', "write one like"),
    ('control = "127.0.0.1:9180"', "control = 9180", "expected text in quotes"),
    ('control = "127.0.0.1:9180"', 'control = "127.0.0.1:8080"', "already taken by proxy.listen"),
    ('pin_idle = "off"', 'pin_idle = "half an hour"', "is not a duration"),
    ('read_timeout = "60s"', 'read_timeout = "off"', "cannot be off"),
    *(
        ('domain = ""', f'domain = "{name}"', "pin.domain: ")
        for name in (".shop.example", "shop", "Shop.example", "shop.example:80", "127.0.0.1", "a..b", "-a.b")
    ),
    ('same_site = "lax"', 'same_site = "strict"', "pin.same_site: "),
    (
        'key_headers = ["authorization"]',
        'key_headers = ["Cookie"]',
        "sessions.key_headers: Cookie says nothing",
    ),
    ('key_headers = ["authorization"]', 'key_headers = ["a", "A"]', "A is there twice"),
    ('key_headers = ["authorization"]', 'key_headers = ["a b"]', "is not the name of a header"),
    ('cookie = ""', 'cookie = "a b"', "sessions.cookie: 'a b' is not the name of a cookie"),
    ('cookie = ""', 'cookie = ["a", "a"]', "sessions.cookie: has a name twice"),
    ('cookie = ""', 'cookie = ["bg_pin"]', "sessions.cookie: bg_pin is a cookie of bgctl's own"),
    ('cookie = ""', f"cookie = {[f'c{number}' for number in range(9)]}", "sessions.cookie: has more than 8"),
    ('cookie = ""', "cookie = 5", "sessions.cookie: "),
    ('leeway = "60s"', 'leeway = "1h"', "more than 5m"),
    ("headers = []", 'headers = ["Authorization"]', "tokens are looked for there"),
    ("headers = []", 'headers = ["X-Auth", "x-auth"]', "has a name twice"),
    ("cookies = []", 'cookies = ["__Host-bg_session"]', "is a cookie of bgctl's own"),
    ("cookies = []", 'cookies = ["a", "b", "c", "d", "e"]', "length <= 4"),
    ("cookies = []", 'cookies = ["a=b"]', "is not the name of a cookie"),
    ('longest = "7d"', 'longest = "4m"', "must be from 5m to 400d"),
    ('longest = "7d"', 'longest = "401d"', "must be from 5m to 400d"),
    ('longest = "7d"', 'longest = "off"', "cannot be off"),
    ('green = "127.0.0.1:8083"', 'green = "127.0.0.1:8081"', "already taken by services.frontend.blue"),
    ('green = "127.0.0.1:8083"', 'gren = "127.0.0.1:8083"', "services.frontend.gren: is not a setting"),
    ('green = "127.0.0.1:8083"', 'green = "nowhere"', "services.frontend.green"),
    ('routes = ["/"]', 'routes = ["/ { } #"]', "services.frontend.routes"),
    ('routes = ["/"]', 'routes = ["/\\n"]', "services.frontend.routes"),
    ('routes = ["/"]', 'routes = ["/", "/_bgctl/activity"]', "is the proxy's own"),
    ('routes = ["/"]', 'routes = ["/", "= /_bgctl/preview"]', "is the proxy's own"),
    ('routes = ["/"]', 'routes = ["/", "^~ /_bgctl"]', "is the proxy's own"),
    ('routes = ["/"]', 'routes = ["/", "//_bgctl/activity"]', "is no path that a request has"),
    ('routes = ["/"]', 'routes = ["/", "/x/../_bgctl/activity"]', "is no path that a request has"),
    ('routes = ["/"]', 'routes = ["/", "^~ /"]', "'^~ /' is already taken by services.frontend.routes"),
    ('routes = ["/"]', 'routes = ["/", "/a/", "^~ /a/"]', "already taken"),
    ('routes = ["/"]', 'routes = ["/", "/"]', "already taken"),
    ('compose_file = ""', 'compose_file = "../compose.yaml"', "project.compose_file"),
    ('compose_file = ""', 'compose_file = ["../compose.yaml"]', "project.compose_file"),
    ('compose_file = ""', "compose_file = []", "names no file"),
    ('compose_file = ""', 'compose_file = ["a.yaml", "a.yaml"]', "a.yaml is there twice"),
    ('compose_file = ""', 'compose_file = ["a.yaml", ""]', "is not the path of a file"),
    ('compose_file = ""', "compose_file = 3", "project.compose_file"),
    ("passes = 3", "passes = 0", "health.passes"),
    ('health = "/readyz"', 'health = "readyz"', 'must begin with "/"'),
    ('routes = ["/"]', 'routes = ["api"]', 'must begin with "/"'),
    ('name = "shop"', 'name = "Shop"', "small letters, digits, - and _"),
    ('certificate = ""', 'certificate = "a.pem"', "without its private key"),
    ('key = ""', 'key = "a.pem"', "without its certificate"),
    ('key = ""', 'key = "../a.pem"', "a path below this folder"),
    ("http3 = false", "http3 = true", "needs TLS"),
    ('header_size = "32k"', 'header_size = "65k"', "must be from 4k to 64k"),
    ('header_size = "32k"', 'header_size = "3k"', "must be from 4k to 64k"),
    ('timeout = "10s"', 'timeout = "off"', "cannot be off"),
    ("connections = 250", "connections = -250", "services.session-api.connections"),
    ("mirror = 0", "connections = 9", "is for a service with one address"),
    ('timeout = "10s"', 'read_timeout = "10s"', "one with an address has timeout"),
    ("mirror = 0", 'read_timeout = "off"', "cannot be off"),
    ("mirror = 0", 'protocol = "spdy"', "is not a protocol"),
    ('health = "/healthz"', 'health = "/h"\nprotocol = "grpc"', 'gRPC has none for health; write "grpc"'),
    ('health = "/healthz"', 'health = "grpc"', 'write protocol = "grpc"'),
    ("connections = 250", 'protocol = "h2c"', "is for a service with two slots"),
    ("mirror = 0", 'max_body = "all"', "services.frontend.max_body: 'all' is not a size"),
    ("mirror = 0", 'buffering = "both"', "services.frontend.buffering"),
    ('X-Frame-Options = "SAMEORIGIN"', f'X-Frame-Options = "{"x" * 4001}"', "4000 characters at most"),
    ('acme_webroot = ""', 'acme_webroot = "acme"', "must be below proxy/"),
    ('acme_webroot = ""', 'acme_webroot = "proxy/tls"', "must be below proxy/"),
    ("trusted = []", 'trusted = ["0.0.0.0/0"]', "is everybody"),
    ("trusted = []", 'trusted = ["10.0.0.0/33"]', "is not an address or a network"),
    ("proxy_protocol = false", "proxy_protocol = true", 'add trusted = ["10.0.0.0/8"]'),
    ('requests = "off"', 'requests = "20"', "is not a rate"),
    ('requests = "off"', 'requests = "20/h"', "is not a rate"),
    ("access_log = false", 'access_log = "main"', 'write "json", "combined" or false'),
    ("access_log = false", "access_log = 7", "proxy.access_log"),
    ('access_log_file = ""', 'access_log_file = "a.log"', 'add access_log = "json"'),
    ('access_log_file = ""', 'access_log_file = "../a.log"', "is not the name of a log file"),
    ("burst = 40", "burst = -1", "limits.burst"),
    ("connections = 0                     # requests", "connections = -1 # requests", "limits.connections"),
    ('X-Frame-Options = "SAMEORIGIN"', 'Strict-Transport-Security = "max-age=1"', "is [tls] hsts"),
    ('X-Frame-Options = "SAMEORIGIN"', 'Set-Cookie = "a=b"', "belongs to each answer"),
    ('X-Frame-Options = "SAMEORIGIN"', 'x-content-type-options = "a"', "is there twice"),
    ('X-Frame-Options = "SAMEORIGIN"', "X-Frame-Options = 'a\"; evil'", "the value of a header"),
]


@pytest.mark.threat(50)
@pytest.mark.parametrize(("right", "wrong", "said"), MISTAKES)
def test_50_a_mistake_is_named_with_its_line(right: str, wrong: str, said: str) -> None:
    text = replaced(right, wrong)
    with pytest.raises(Refused) as caught:
        config.parse(text)
    assert said in str(caught.value)
    assert caught.value.next == "edit bgctl.toml"
    assert str(caught.value).startswith(f"bgctl.toml:{line_of(text, wrong.splitlines()[0])}: ")


@pytest.mark.threat(74)
@pytest.mark.parametrize("domain", ["shop.example", "a-b.co.uk", "xn--80ak6aa92e.com"])
def test_74_a_domain_of_several_hosts(domain: str) -> None:
    text = EXAMPLE.replace('domain = ""', f'domain = "{domain}"')
    assert config.parse(text).pin.domain == domain
    config.parse(text.replace('url = ""', f'url = "https://app.{domain}:8443"', 1))
    with pytest.raises(Refused, match="outside of"):
        config.parse(text.replace('url = ""', f'url = "https://x{domain}"', 1))


@pytest.mark.threat(73)
def test_73_cookies_for_frames_need_https() -> None:
    text = EXAMPLE.replace('same_site = "lax"', 'same_site = "none"')
    assert config.parse(text).pin.same_site == "none"
    with pytest.raises(Refused, match=r"pin\.same_site: is \"none\", which needs HTTPS"):
        config.parse(text.replace("secure_cookies = true", "secure_cookies = false"))


WITH_TLS = EXAMPLE.replace('certificate = ""', 'certificate = "a.pem"').replace('key = ""', 'key = "b.pem"')


@pytest.mark.threat(50)
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (
            "secure_cookies = true",
            "secure_cookies = false",
            "proxy.secure_cookies: is false",
        ),
        (
            'listen = "0.0.0.0:443"',
            'listen = "127.0.0.1:8080"',
            "tls.listen: .* taken by proxy.listen",
        ),
        ('listen = "0.0.0.0:443"', 'listen = "0.0.0.0:8080"', "tls.listen: .* clashes with proxy.listen"),
        ('listen = "0.0.0.0:443"', 'listen = "[::]:9180"', "tls.listen: .* clashes with proxy.control"),
    ],
)
def test_50_what_contradicts_tls(right: str, wrong: str, said: str) -> None:
    config.parse(WITH_TLS)
    text = WITH_TLS.replace(right, wrong)
    with pytest.raises(Refused, match=rf"bgctl\.toml:\d+: {said}"):
        config.parse(text)


@pytest.mark.threat(50)
def test_50_a_route_where_challenges_are_served() -> None:
    """It is served by the same listener, unless that one only redirects."""
    route = 'routes = ["/", "/.well-known/acme-challenge/"]'
    text = replaced('routes = ["/"]', route).replace('acme_webroot = ""', 'acme_webroot = "proxy/acme"')
    with pytest.raises(Refused, match=r"services\.frontend\.routes: .* already taken by tls\.acme_webroot"):
        config.parse(text)
    config.parse(
        text.replace('certificate = ""', 'certificate = "a.pem"').replace('key = ""', 'key = "b.pem"')
    )


def test_the_session_api_needs_no_routes_and_has_one() -> None:
    line = 'routes = ["/api/deployment/"]\n'
    assert config.parse(replaced(line, "")) == config.parse(EXAMPLE)
    at = EXAMPLE.replace("127.0.0.1:8090", "[::1]:9999").replace(line, "")
    assert config.parse(at).services["session-api"].routes == ("/api/deployment/",)
    with pytest.raises(Refused, match=r"services\.session-api: lacks routes"):
        config.parse(
            replaced(line, "").replace('address = "127.0.0.1:8090"', 'address = "127.0.0.1:8091"', 1)
        )


def test_a_header_is_the_same_in_any_letters() -> None:
    text = replaced('X-Frame-Options = "SAMEORIGIN"', 'x-frame-options = "DENY"')
    assert {
        name: value for name, value in config.parse(text).headers.items() if name.lower() == "x-frame-options"
    } == {"x-frame-options": "DENY"}


@pytest.mark.threat(50)
@pytest.mark.parametrize(
    ("right", "wrong", "table", "said"),
    [
        ('name = "shop"', "# no name", "[project]", "lacks name"),
        ('green = "127.0.0.1:8083"', "# no green", "[services.frontend]", "needs blue"),
        ('health = "/readyz"', "# no health", "[services.session-api]", "lacks health"),
        (
            'health = "/readyz"',
            'health = "/readyz"\nblue = "127.0.0.1:1"',
            "[services.session-api]",
            "as well as",
        ),
        ("[services.frontend]", "[services.proxy]", "[services.proxy]", "is the name of the proxy"),
        (
            "[services.session-api]",
            "[services.frontend-blue]",
            "[services.frontend-blue]",
            r"a slot of frontend; write \[services.frontendblue\]",
        ),
        (
            "[services.session-api]",
            "[services.frontend-green-alone]",
            "[services.frontend-green-alone]",
            "a slot of frontend",
        ),
        ("[services.frontend]", '[services."a;b"]', '[services."a;b"]', "cannot be a service name"),
    ],
)
def test_50_what_is_missing_is_named_with_its_table(right: str, wrong: str, table: str, said: str) -> None:
    text = replaced(right, wrong)
    with pytest.raises(Refused, match=rf"bgctl\.toml:{line_of(text, table)}: .*{said}"):
        config.parse(text)


def test_a_release_needs_a_service_with_two_slots() -> None:
    with pytest.raises(Refused, match="no service has two slots"):
        config.parse('[project]\nname = "x"\n')


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(Refused, match=r"bgctl\.toml:1: lacks project"):
        config.parse("")


def test_services_that_are_no_tables() -> None:
    with pytest.raises(Refused, match=r"bgctl\.toml:3: services: must be tables"):
        config.parse('[project]\nname = "x"\n[[services]]\n')


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bgctl.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refused, match=r"bgctl\.toml"):
        config.load(path)


LOCATED = """\
[a]
x = 1
[a.b]
  y = 2
# [g]
["c.d"]
z=3
e.f = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [("a", 1), ("a x", 2), ("a b y", 4), ("a b n", 3), ("c.d", 6), ("c.d z", 7), ("c.d e f", 8), ("g", 1)],
)
def test_locate_finds_the_key_or_the_table_around_it(path: str, line: int) -> None:
    assert config.locate(LOCATED, tuple(path.split())) == line


@given(st.text(), st.lists(st.text()).map(tuple))
def test_locate_is_total(text: str, path: tuple[str, ...]) -> None:
    assert 1 <= config.locate(text, path) <= max(1, len(text.splitlines()))


@given(st.text())
def test_any_text_is_a_configuration_or_refused(text: str) -> None:
    with pytest.raises(Refused):
        config.parse(text)
