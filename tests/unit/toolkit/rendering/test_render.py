"""nginx.conf and settings.json from bgctl.toml."""

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit import __version__, config
from toolkit.rendering import nginx_conf, render, settings_json

ROOT = Path(__file__).parents[4]
EXAMPLE = (ROOT / "bgctl.example.toml").read_text()
CONFIG = config.parse(EXAMPLE)


def test_every_address_and_route_is_in_the_rendered_configuration() -> None:
    conf = render.files(CONFIG, ROOT)["nginx.conf"].decode()
    for service in CONFIG.services.values():
        for address in filter(None, (service.blue, service.green, service.address)):
            assert f"server {address}" in conf
        for route in service.routes:
            assert f"location {route} {{" in conf
    assert f"listen {CONFIG.proxy.listen};" in conf
    assert f"listen {CONFIG.proxy.control};" in conf
    assert "{{" not in conf
    assert "{%" not in conf


def test_times_are_nginx_times() -> None:
    text = EXAMPLE.replace('connect_timeout = "2s"', 'connect_timeout = "250ms"').replace('"60s"', '"2m"', 1)
    conf = render.files(config.parse(text), ROOT)["nginx.conf"].decode()
    assert "proxy_connect_timeout 250ms;" in conf
    assert "proxy_read_timeout 120s;" in conf


def test_settings() -> None:
    assert json.loads(settings_json.render(CONFIG)) == {
        "schema": 1,
        "issuer": "bgctl",
        "leeway": 60,
        "token_longest": 604800,
        "version_claim": "deploymentVersion",
        "secure_cookies": True,
        "cookie_stem": "bg",
        "pin_idle": 1800,
        "pin_domain": "",
        "pin_same_site": "lax",
        "key_headers": ["authorization"],
        "state_file": "/state/state.json",
        "keys_dir": "/keys/verify",
        "pin_key_file": "/keys/pin/pin.secret",
        "proxy_key_file": "/keys/proxy/proxy.key",
        "proxy_name": f"{socket.gethostname()}:8080",
        "api": "127.0.0.1:8090",
        "control": "127.0.0.1:9180",
        "active_window": 1800,
        "held_every": 10,
        "migrate": "never",
        "migrate_idle": 600,
        "routes": [
            {"location": "/", "service": "frontend", "slotted": True},
            {"location": "= /api/deployment", "service": "frontend", "slotted": True},
            {"location": "/api/deployment/", "service": "session-api", "slotted": False},
        ],
        "access_log": False,
        "peers": [
            {
                "slot": slot,
                "service": "frontend",
                "address": address,
                "path": "/healthz",
                "host": address,
                "scheme": "https",
                "proof": "json",
            }
            for slot, address in (("blue", "127.0.0.1:8081"), ("green", "127.0.0.1:8083"))
        ],
        "health_check": 2,
        "health_timeout": 2,
        "health_fails": 3,
        "max_body": 100 << 20,
        "min_rate": 32 << 10,
        "client_timeout": 30,
        "header_size": 32 << 10,
        "notice_page": "/etc/bgctl/notice.html",
        "unavailable_page": "/etc/bgctl/unavailable.html",
        "maintenance_page": "/etc/bgctl/maintenance.html",
        "version": __version__,
        "drain_deadline": 0,
        "mirrors": {},
    }


@pytest.mark.parametrize(
    ("idle", "window", "every"),
    [("30m", 1800, 10), ("5s", 600, 1), ("60s", 600, 6), ("2h", 7200, 10), ("off", 7 * 86400, 10)],
)
def test_the_proxy_remembers_for_as_long_as_it_matters(idle: str, window: int, every: int) -> None:
    text = EXAMPLE.replace('idle_timeout = "30m"', f'idle_timeout = "{idle}"')
    settings = json.loads(settings_json.render(config.parse(text)))
    assert (settings["active_window"], settings["held_every"]) == (window, every)


def test_the_life_of_tokens_is_one_setting() -> None:
    day = EXAMPLE.replace('longest = "7d"', 'longest = "1d"').replace(
        'idle_timeout = "30m"', 'idle_timeout = "off"'
    )
    settings = json.loads(settings_json.render(config.parse(day)))
    assert (settings["token_longest"], settings["active_window"]) == (86400, 86400)


@pytest.mark.threat(67)
@pytest.mark.parametrize(
    ("pin", "idle", "holds"),
    [
        ("off", "30m", 1800),
        ("off", "2h", 7200),
        ("off", "5s", 5),
        ("off", "off", 1800),
        ("10m", "30m", 1800),
        ("2h", "30m", 7200),
        ("10m", "off", 600),
    ],
)
def test_67_who_is_counted_is_held(pin: str, idle: str, holds: int) -> None:
    text = EXAMPLE.replace('pin_idle = "off"', f'pin_idle = "{pin}"')
    found = json.loads(
        settings_json.render(config.parse(text.replace('idle_timeout = "30m"', f'idle_timeout = "{idle}"')))
    )
    assert found["pin_idle"] == holds
    assert found["active_window"] >= holds


def test_an_issuer_is_escaped() -> None:
    odd = config.parse(EXAMPLE.replace('issuer = "bgctl"', 'issuer = "a \\"quoted\\" \\\\ one"'))
    assert json.loads(settings_json.render(odd))["issuer"] == 'a "quoted" \\ one'


def test_every_service_has_its_upstreams() -> None:
    text = nginx_conf.render(CONFIG)
    assert "{{" not in text
    assert "{%" not in text
    for name in ("bg_frontend_blue", "bg_frontend_green_alone", "bg_session_api"):
        assert f"upstream {name} {{" in text


def test_the_digest_tells_configurations_apart() -> None:
    one = render.files(CONFIG, ROOT)
    other = render.files(config.parse(EXAMPLE.replace('pin_idle = "off"', 'pin_idle = "31m"')), ROOT)
    assert render.digest(one) == render.digest(render.files(CONFIG, ROOT)) != render.digest(other)


def test_the_app_is_told_how_browsers_come() -> None:
    """By HTTPS where cookies are secure, though TLS ends in front of the proxy; else as they reached it."""
    for secure, scheme in (("true", "https"), ("false", "$scheme")):
        text = EXAMPLE.replace("secure_cookies = true", f"secure_cookies = {secure}")
        conf = render.files(config.parse(text), ROOT)["nginx.conf"].decode()
        assert f"X-Forwarded-Proto {scheme};" in conf


WITH_TLS = EXAMPLE.replace('certificate = ""', 'certificate = "a.pem"').replace('key = ""', 'key = "b.pem"')


def rendered(text: str, *changes: tuple[str, str]) -> str:
    for right, wrong in changes:
        assert right in text
        text = text.replace(right, wrong)
    return nginx_conf.render(config.parse(text), pem="tls/1.pem")


def test_tls_has_a_listener_and_plain_http_redirects() -> None:
    conf = rendered(WITH_TLS)
    assert "listen 0.0.0.0:443 ssl;" in conf
    assert "return 308 https://$host$request_uri;" in conf
    assert "quic" not in conf
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in conf
    assert "X-Forwarded-Proto $scheme;" in conf
    assert "ssl" not in rendered(EXAMPLE)


def test_a_forwarded_port_is_the_one_that_browsers_are_told() -> None:
    moved = rendered(WITH_TLS, ('"0.0.0.0:443"', '"0.0.0.0:8443"'), ("http3 = false", "http3 = true"))
    assert "return 308 https://$host:8443$request_uri;" in moved
    assert 'h3=":8443"' in moved
    told = rendered(WITH_TLS, ('"0.0.0.0:443"', '"0.0.0.0:8443"'), ("port = 0", "port = 443"))
    assert "return 308 https://$host$request_uri;" in told


def test_every_address_of_both_families() -> None:
    assert "listen [::]:443 ipv6only=off ssl;" in rendered(WITH_TLS, ('"0.0.0.0:443"', '"[::]:443"'))


def test_a_load_balancer_is_believed_and_says_how_browsers_come() -> None:
    conf = rendered(EXAMPLE, ("trusted = []", 'trusted = ["10.0.0.0/8"]'))
    assert "set_real_ip_from 10.0.0.0/8;" in conf
    assert "X-Forwarded-Proto $bg_scheme;" in conf
    assert "real_ip" not in rendered(EXAMPLE)


def test_what_is_named_twice_is_rendered_once() -> None:
    """nginx would warn of it with every start."""
    conf = rendered(
        EXAMPLE, ("trusted = []", 'trusted = ["::1", "::1"]'), ("allow = []", 'allow = ["::1", "::1"]')
    )
    assert conf.count("::1/128") == 3, "set_real_ip_from, who is trusted, who is allowed"


@pytest.mark.threat(82)
def test_82_a_shared_service_has_bounds_of_its_own() -> None:
    conf = rendered(
        EXAMPLE, ('timeout = "10s"', 'timeout = "1500ms"'), ("connections = 250", "connections = 7")
    )
    assert conf.count("limit_conn at_session_api 7;") == conf.count("proxy_read_timeout 1500ms;") == 1
    assert conf.count("proxy_connect_timeout 1500ms;") == 1, "not longer than all of it may take"


def test_headers_are_in_every_location_that_sets_some() -> None:
    """nginx inherits none where a location has one of its own."""
    conf = rendered(WITH_TLS, ('Referrer-Policy = "strict-origin-when-cross-origin"', 'Referrer-Policy = ""'))
    assert conf.count("add_header X-Frame-Options") == conf.count("add_header Strict-Transport-Security") >= 6
    assert re.findall("Referrer-Policy (.*);", conf) == ["no-referrer always"], "that of a preview's link"
    assert "Strict-Transport-Security" not in rendered(WITH_TLS, ('hsts = "365d"', 'hsts = "off"'))


def test_limits_and_what_is_off() -> None:
    conf = rendered(
        EXAMPLE,
        ('client_timeout = "30s"', 'client_timeout = "5s"'),
        ('"100m"', '"2g"'),
        ("compress = true", "compress = false"),
    )
    for line in ("client_header_timeout 5s;", "client_body_timeout 5s;", "client_max_body_size 2g;"):
        assert line in conf
    assert "gzip" not in conf
    assert "log_format" not in conf


@pytest.mark.parametrize("tls", [True, False])
def test_a_challenge_is_served_by_plain_http_with_or_without_tls(tls: bool) -> None:
    conf = rendered(WITH_TLS if tls else EXAMPLE, ('acme_webroot = ""', 'acme_webroot = "proxy/acme"'))
    assert conf.count("root /etc/bgctl/acme;") == 1


def test_a_log_line_names_nothing_that_could_be_secret() -> None:
    conf = rendered(EXAMPLE, ("access_log = false", "access_log = true"))
    form = conf[conf.index("log_format") : conf.index("}';", conf.index("log_format"))]
    for secret in (
        "$request_uri",
        "$args",
        "$http_cookie",
        "$http_authorization",
        '$request"',
        "$http_referer",
    ):
        assert secret not in form


LINE = 'routes = ["/api/deployment/"]'
BEFORE = 'routes = ["/api/auth/", "/api/deployment/", "= /.well-known/jwks.json"]'


def locations(text: str) -> dict[str, str]:
    """Where each route of the public listener leads."""
    blocks = re.findall(r"\n {8}location ([^{@\n]*) \{(.*?)\n {8}\}", text, re.DOTALL)
    found = {route: re.search(r"proxy_pass http://(bg_\w+)", block) for route, block in blocks}
    return {route: passed[1] for route, passed in found.items() if passed}


def test_one_path_is_the_session_apis_and_all_others_the_apps() -> None:
    assert locations(rendered(EXAMPLE)) == {
        "/": "bg_frontend_",
        "= /api/deployment": "bg_frontend_",
        "/api/deployment/": "bg_session_api",
    }


def test_what_a_configuration_routes_is_routed_as_before() -> None:
    found = locations(rendered(EXAMPLE, (LINE, BEFORE)))
    assert [route for route, where in found.items() if where == "bg_session_api"] == [
        *("/api/auth/", "/api/deployment/", "= /.well-known/jwks.json")
    ]
    assert found["= /api/auth"] == found["= /api/deployment"] == found["/"]


@pytest.mark.parametrize(
    ("apps", "apis", "where"),
    [
        (["/"], ["/api/deployment/"], "bg_frontend_"),
        (["/", "/api/deployment"], ["/api/deployment/"], None),  # somebody has it already
        (["/"], ["/api/deployment/", "= /api/deployment"], "bg_session_api"),
        (["/"], ["^~ /api/deployment/"], "bg_frontend_"),
        (["/board/"], ["/api/deployment/"], None),  # nobody has it: nginx redirects
        (["/", "= /api/deployment"], ["/api/", "/api/deployment/"], "bg_frontend_"),
        (["/"], ["/api/", "/api/deployment/"], "bg_session_api"),
    ],
)
def test_a_path_without_its_last_slash_is_whose_it_would_be(
    apps: list[str], apis: list[str], where: str
) -> None:
    text = EXAMPLE.replace('routes = ["/"]', f"routes = {json.dumps(apps)}", 1)
    found = locations(rendered(text, (LINE, f"routes = {json.dumps(apis)}")))
    assert found.get("= /api/deployment") == where


def opened(text: str) -> Callable[[str], bool]:
    """Whether a request from outside may reach a path of the session API: the first that fits decides."""
    (block,) = re.findall(r"map \$request_uri \$bg_for_api \{(.*?)\n    \}", text, re.DOTALL)
    patterns = re.findall(r'"~(.*)" ("|\w+)', block)
    assert len(patterns) >= 3

    def is_open(path: str) -> bool:
        return next((value != '"' for pattern, value in patterns if re.search(pattern, path)), False)

    return is_open


@pytest.mark.threat(100)
@pytest.mark.parametrize("routes", [LINE, BEFORE, 'routes = ["^~ /api/"]', 'routes = ["/api/", "/x/"]'])
def test_100_what_is_inside_is_reached_by_no_route_that_does_not_name_it(routes: str) -> None:
    is_open = opened(rendered(EXAMPLE, (LINE, routes)))
    for path in ("/api/deployment/heartbeat", "/api/deployment/dashboard/icon.svg", "/api/auth/token?x=/../"):
        assert is_open(path), path
    inside = ["/token", "/metrics", "/readyz", "/openapi.json", "/_bgctl/activity"]
    around = ["{}", "{}/../api/deployment/version", "/api/deployment/..{}", "/api/deployment/%2e%2e{}"]
    around += ["{}%3f/../../api/deployment/x", "{}#/api/deployment/x", "/api/deployment/x/{}", "//{}", "/x{}"]
    for form in around:
        for path in inside:
            assert not is_open(form.format(path)), form.format(path)
    for path in ("/api/deployment/%76ersion", "/api/deployment/./version", "/api/deployment/.x", "/api/x"):
        assert not is_open(path), path


@pytest.mark.threat(100)
def test_100_a_route_that_names_a_path_opens_that_and_no_other() -> None:
    is_open = opened(rendered(EXAMPLE, (LINE, 'routes = ["= /openapi.json", "/api/deployment/"]')))
    assert [is_open(path) for path in ("/openapi.json", "/openapi.json?x")] == [True, True]
    assert [is_open(path) for path in ("/openapiXjson", "/openapi.json/x")] == [False, False]


@pytest.mark.threat(100)
def test_100_the_guard_is_where_the_session_api_is_and_nowhere_else() -> None:
    conf = rendered(EXAMPLE, (LINE, BEFORE))
    assert conf.count("if ($bg_for_api") == 3
    other = '[services.catalogue]\nroutes = ["/c/"]\naddress = "127.0.0.1:7000"\nhealth = "/"\n[health]'
    assert rendered(EXAMPLE, ("[health]", other)).count("if ($bg_for_api") == 1
