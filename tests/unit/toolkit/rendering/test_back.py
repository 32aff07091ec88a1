"""What nginx is told of a service's own limits and buffering; and where it has none, nothing is different."""

import re
from textwrap import dedent

import pytest

from tests.unit.toolkit.support.rendered import EXAMPLE, ROOT, rendered
from toolkit import config

API = """
[services.api]
routes = ["/shop/"]
blue = "127.0.0.1:7001"
green = "127.0.0.1:7002"
health = "/h"
"""
AS_EVER = """\
location /shop/ {
    set_by_lua_block $bg_upstream { return package.loaded["bg.phases"].slot("api") }
    if ($bg_body = large) {
        access_by_lua_block { require("bg.phases").body() }
    }
    if ($bg_upstream = "") {  # the gate is closed (decision record 17)
        lua_check_client_abort on;
        access_by_lua_block { require("bg.phases").held_slot(nil, "api") }
    }
    proxy_pass http://bg_api_$bg_upstream;
    proxy_set_header X-Forwarded-Proto https;
    include /opt/bgctl/nginx/proxy.conf;
    add_header X-Content-Type-Options $bg_header_1 always;
    add_header X-Frame-Options $bg_header_2 always;
    add_header Referrer-Policy $bg_header_3 always;
}
"""


def location(conf: str, route: str) -> str:
    """The part of nginx.conf that is about a route."""
    start = conf.index(f"        location {route} {{\n")
    return dedent(conf[start : conf.index("\n        }\n", start) + 11])


def test_a_service_without_any_of_it_is_rendered_as_ever() -> None:
    assert location(rendered(EXAMPLE + API), "/shop/") == AS_EVER
    beside = rendered(EXAMPLE + API, ("mirror = 0", 'buffering = false\nmax_body = "2g"'))
    assert location(beside, "/shop/") == AS_EVER


def test_limits_of_one_service_are_in_its_locations_alone() -> None:
    own = 'read_timeout = "11m"\nmax_body = "2g"\n'
    conf = rendered(EXAMPLE + API + own)
    for line in ("proxy_read_timeout 660s;", "proxy_send_timeout 660s;", "client_max_body_size 2g;"):
        assert conf.count(line) == 1
        assert line in location(conf, "/shop/")
    assert f'require("bg.phases").body({2 << 30})' in location(conf, "/shop/")
    assert f'require("bg.phases").held_slot({2 << 30}, "api")' in location(conf, "/shop/")


def test_bodies_that_stream_wait_nowhere() -> None:
    found = location(rendered(EXAMPLE + API + "buffering = false\n"), "/shop/")
    assert "proxy_request_buffering off;" in found
    assert "proxy_buffering off;" in found
    assert "set $bg_body streams;" in found
    assert 'phases").body(' not in found


def test_grpc_goes_to_the_same_upstreams_by_another_module() -> None:
    own = 'protocol = "grpc"\n'
    conf = rendered(EXAMPLE + API.replace('"/h"', '"grpc"') + own)
    found = location(conf, "/shop/")
    assert "grpc_pass grpc://bg_api_$bg_upstream;" in found
    assert "client_max_body_size 0;" in found
    assert "proxy" not in found
    assert conf.count("http2 on;") == 1, "plain HTTP/2"
    assert conf.count("location = /_bgctl/grpc/127.0.0.1:700") == 2
    assert '"~*^application/grpc" call;' in conf
    for word in ("http2", "grpc"):
        assert word not in rendered(EXAMPLE + API)


def test_an_app_is_told_the_same_by_http_1_and_http_2() -> None:
    told = {
        way: set(re.findall(rf"(?m)^{way}_set_header (.*)", (ROOT / "nginx" / f"{file}.conf").read_text()))
        for way, file in (("proxy", "pass"), ("grpc", "grpc"))
    }
    hops = {"Connection $bg_connection;", "Upgrade $bg_upgrade;"}
    assert told["proxy"] - hops == told["grpc"]


@pytest.mark.parametrize(
    ("own", "largest"),
    [
        ("", "100m"),
        ('max_body = "2g"\n', "2g"),
        ('max_body = "2g"\nbuffering = false\n', "100m"),
        ('max_body = "1m"\n', "100m"),
    ],
)
def test_there_must_be_room_for_the_largest_body_that_waits(own: str, largest: str) -> None:
    assert config.parse(EXAMPLE + API + own).largest_kept == largest
