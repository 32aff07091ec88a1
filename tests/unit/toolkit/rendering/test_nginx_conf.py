"""nginx.conf from bgctl.toml: listeners, headers, limits, and what is left out."""

import re

import pytest

from tests.unit.toolkit.support.rendered import CONFIG, EXAMPLE, ROOT, WITH_TLS, rendered
from toolkit import config
from toolkit.rendering import nginx_conf, render

SHARED = "location /api/deployment/ "  # of a service with one address


def test_times_are_nginx_times() -> None:
    text = EXAMPLE.replace('connect_timeout = "2s"', 'connect_timeout = "250ms"').replace('"60s"', '"2m"', 1)
    conf = render.files(config.parse(text), ROOT)["nginx.conf"].decode()
    assert "proxy_connect_timeout 250ms;" in conf
    assert "proxy_read_timeout 120s;" in conf


def test_every_service_has_its_upstreams() -> None:
    text = nginx_conf.render(CONFIG)
    assert "{{" not in text
    assert "{%" not in text
    for name in ("bg_frontend_blue", "bg_frontend_green_alone", "bg_session_api"):
        assert f"upstream {name} {{" in text


def test_the_app_is_told_how_browsers_come() -> None:
    """By HTTPS where cookies are secure, though TLS ends in front of the proxy; else as they reached it."""
    for secure, scheme in (("true", "https"), ("false", "$scheme")):
        text = EXAMPLE.replace("secure_cookies = true", f"secure_cookies = {secure}")
        conf = render.files(config.parse(text), ROOT)["nginx.conf"].decode()
        assert f"X-Forwarded-Proto {scheme};" in conf


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


BALANCED = ("trusted = []", 'trusted = ["10.0.0.0/8"]')


@pytest.mark.parametrize(
    ("secure", "trusted", "scheme"),
    [("true", False, ""), ("false", False, "$scheme"), ("true", True, "$bg_scheme")],
)
def test_the_port_that_browsers_use_is_in_their_host_or_the_one_of_their_scheme(
    secure: str, trusted: bool, scheme: str
) -> None:
    changes = [("secure_cookies = true", f"secure_cookies = {secure}")] + ([BALANCED] if trusted else [])
    conf = rendered(EXAMPLE, *changes)
    assert "$bg_named_port;" in conf
    assert ("default 443;" in conf) == (not scheme)
    assert f"map {scheme or 'nothing'} $bg_usual_port" in conf or not scheme


def test_with_the_proxy_protocol_nothing_else_is_believed() -> None:
    conf = rendered(WITH_TLS, BALANCED, ("proxy_protocol = false", "proxy_protocol = true"))
    assert len(re.findall(r"listen .* proxy_protocol;", conf)) == 2
    assert "real_ip_header proxy_protocol;" in conf
    assert "set_real_ip_from 10.0.0.0/8;" in conf
    assert "x_forwarded" not in conf
    assert conf.count("error_log stderr crit;") == 2, "of each listener: anybody may send it a broken header"


def test_clients_have_limits_where_they_are_set() -> None:
    limited = [('requests = "off"', 'requests = "300/m"'), ("connections = 0", "connections = 7")]
    conf = rendered(EXAMPLE, *limited, BALANCED, ("exempt = []", 'exempt = ["192.0.2.0/24"]'))
    assert "zone=bg_requests:10m rate=300r/m;" in conf
    slotted, shared = (conf[conf.index(at) :].partition("\n        }\n")[0] for at in ("location / ", SHARED))
    assert "limit_req zone=bg_requests burst=40 nodelay;" in slotted
    assert "limit_conn bg_connections 7;" in slotted
    assert "limit_req zone=bg_requests burst=40 nodelay;" in shared
    assert "limit_conn bg_connections" not in shared, "it has a limit of its own"
    assert "192.0.2.0/24 exempt;" in conf
    assert "10.0.0.0/8 exempt;" in conf, "a load balancer that looks whether we are well"
    assert "limit_req zone=bg_requests;" in rendered(EXAMPLE, *limited, ("burst = 40", "burst = 0"))


def test_without_limits_nothing_is_looked_up() -> None:
    conf = rendered(EXAMPLE, ("exempt = []", 'exempt = ["192.0.2.0/24"]'))
    assert "limit_req" not in conf
    assert "$bg_client" not in conf


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


def test_the_access_log_goes_to_the_output_or_to_a_file() -> None:
    conf = rendered(EXAMPLE, ("access_log = false", "access_log = true"))
    assert "access_log /dev/stdout bg_json;" in conf
    assert conf == rendered(EXAMPLE, ("access_log = false", 'access_log = "json"'))
    combined = ("access_log = false", 'access_log = "combined"')
    conf = rendered(WITH_TLS, combined, ('access_log_file = ""', 'access_log_file = "a.log"'))
    assert conf.count("access_log /var/log/bgctl/a.log bg_combined;") == 2, "of plain HTTP, and of HTTPS"


@pytest.mark.parametrize("form", ["json", "combined"])
def test_a_log_line_names_nothing_that_could_be_secret(form: str) -> None:
    conf = rendered(EXAMPLE, ("access_log = false", f'access_log = "{form}"'))
    form = conf[conf.index("log_format") : conf.index("';\n", conf.index("log_format"))]
    for secret in (
        "$request_uri",
        "$args",
        "$http_cookie",
        "$http_authorization",
        "$remote_user",
        '$request"',
        "$http_referer",
    ):
        assert secret not in form
