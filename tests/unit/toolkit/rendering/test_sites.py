"""Sites by host: a server block for each, with its routes and its certificate; without hosts, one as ever."""

import json
import re

import pytest

from tests.unit.toolkit.support.rendered import EXAMPLE, WITH_TLS, rendered
from toolkit import config
from toolkit.rendering import nginx_conf, settings_json, sites

HOSTS = (
    "hosts = []                          # where",  # of a service: [acme] has hosts, too
    'hosts = ["shop.example", "www.shop.example"]  # where',
)
REFUSE = ('"serve"', '"refuse"')
BLOG = """
[services.blog]
routes = ["/", "= /api/deployment/version"]
hosts = ["blog.example", "*.blog.example"]
address = "127.0.0.1:8200"
health = "/"
"""
NEIGHBOUR = """
[neighbours.wiki]
hosts = ["wiki.example"]
address = "127.0.0.1:8180"
connections = 77
"""
CERTIFICATE = """
[certificates.blog]
hosts = ["blog.example"]
certificate = "c.pem"
key = "d.pem"
"""


def servers(conf: str) -> dict[str, str]:
    """The server blocks of HTTPS, or of HTTP without it, by what they are called; no control listener."""
    blocks = re.findall(r"\n    server \{\n(.*?)\n    \}", conf, re.DOTALL)
    return {name[1]: block for block in blocks if (name := re.search(r"server_name (.*);", block))}


def proxied(block: str) -> dict[str, str]:
    """Where each location leads."""
    found = re.findall(r"\n {8}location ([^{@\n]*) \{(.*?)\n {8}\}", block, re.DOTALL)
    passed = {route: re.search(r"proxy_pass http://(\w+)", inner) for route, inner in found}
    return {route: match[1] if match else "" for route, match in passed.items()}


def test_without_hosts_there_is_one_server_and_nothing_of_this() -> None:
    """What a project pays for that names no host: nothing."""
    conf = rendered(WITH_TLS)
    assert conf.count("server_name _;") == 3, "redirect, site, control"
    for word in ("default_server", "server_names_hash", "two_hosts", "421", "reject_handshake", "neighbour"):
        assert word not in conf


def test_each_host_has_its_own_routes_and_those_for_all() -> None:
    found = servers(rendered(EXAMPLE + BLOG + NEIGHBOUR, HOSTS))
    own = {"= /_bgctl/preview": "", "^~ /_bgctl/": ""}
    api = {"/api/deployment/": "bg_session_api"}
    assert proxied(found["shop.example www.shop.example"]) == {
        "/": "bg_frontend_",
        "= /api/deployment": "bg_frontend_",
        **api,
        **own,
    }
    assert proxied(found["blog.example *.blog.example"]) == {
        "/": "bg_blog",
        "= /api/deployment": "bg_blog",
        "= /api/deployment/version": "bg_blog",
        **api,
        **own,
    }
    assert proxied(found["wiki.example"]) == {"/": "bgctl_neighbour_wiki"}
    usual = rendered(EXAMPLE + BLOG, HOSTS).partition("server_name _;")[2].partition("server_name")[0]
    assert proxied(usual) == {"/api/deployment/": "bg_session_api", **own}


def test_a_service_for_all_hosts_gives_way_to_one_that_names_the_host() -> None:
    found = sites.of(config.parse(EXAMPLE + BLOG))
    assert [(site.hosts, [route for route in site.routes if route[1] == "/"]) for site in found] == [
        ((), [("frontend", "/")]),
        (("blog.example", "*.blog.example"), [("blog", "/")]),
    ]


def test_a_certificate_for_each_host() -> None:
    found = config.parse(WITH_TLS.replace(*HOSTS) + BLOG + CERTIFICATE)
    blocks = servers(nginx_conf.render(found, "tls/1.pem", {"certificates.blog": "tls/2.pem"}))
    shown = {name: re.findall(r"ssl_certificate /etc/bgctl/(\S+);", block) for name, block in blocks.items()}
    assert shown["blog.example"] == ["tls/2.pem"]
    assert shown["*.blog.example"] == shown["shop.example www.shop.example"] == [], "that of http {}"


def test_a_certificate_alone_makes_a_site_of_its_host() -> None:
    found = sites.of(config.parse(WITH_TLS + CERTIFICATE))
    assert [(site.hosts, site.certificate) for site in found] == [
        ((), "tls"),
        (("blog.example",), "certificates.blog"),
    ]
    assert found[0].routes == found[1].routes


@pytest.mark.parametrize("redirect", ["true", "false"])
def test_unknown_hosts_are_refused_before_a_handshake_and_after(redirect: str) -> None:
    acme = ('acme_webroot = ""', 'acme_webroot = "proxy/acme"')
    conf = rendered(WITH_TLS, HOSTS, REFUSE, acme, ("redirect = true", f"redirect = {redirect}"))
    assert conf.count("ssl_reject_handshake on;") == 1
    assert conf.count("return 421;") == (2 if redirect == "true" else 1)
    plain = re.findall(r"listen 127\.0\.0\.1:8080[^;]*;", conf)
    assert plain == ["listen 127.0.0.1:8080 default_server;", "listen 127.0.0.1:8080;"]
    assert conf.count("return 308") == (redirect == "true")
    without = rendered(EXAMPLE, HOSTS, REFUSE)
    assert (without.count("return 421;"), without.count("ssl")) == (1, 0)


def test_explain_is_told_what_nginx_is_told() -> None:
    found = config.parse(EXAMPLE.replace(*HOSTS).replace(*REFUSE) + BLOG + NEIGHBOUR)
    said = json.loads(settings_json.render(found))
    assert (said["routes"], said["unknown_hosts"]) == ([], "refuse")
    blocks = servers(nginx_conf.render(found))
    assert [" ".join(site["hosts"]) for site in said["sites"]] == [name for name in blocks if name != "_"]
    for site in said["sites"]:
        there = [route for route in proxied(blocks[" ".join(site["hosts"])]) if "_bgctl" not in route]
        assert [route["location"] for route in site["routes"]] == ([] if "neighbour" in site else there)
    assert [site.get("neighbour") for site in said["sites"]] == [None, None, "wiki"]


def test_a_neighbour_gets_its_requests_as_they_are() -> None:
    block = servers(rendered(EXAMPLE + NEIGHBOUR))["wiki.example"]
    assert re.findall(r"_by_lua", block.partition("location @bg_unavailable")[0]) == []
    for line in ("limit_conn neighbour_wiki 77;", "client_max_body_size 0;", "proxy_request_buffering off;"):
        assert line in block
    for header in ("X-Deployment", "Set-Cookie", "proxy_hide_header", "_bgctl/", "api/deployment"):
        assert header not in block


def test_several_listeners() -> None:
    several = ('listen = "0.0.0.0:443"', 'listen = ["0.0.0.0:443", "[::]:443"]')
    conf = rendered(WITH_TLS, several, HOSTS, ("http3 = false", "http3 = true"))
    assert re.findall(r"listen (\S+:443[^;]*);", conf) == [
        "0.0.0.0:443 ssl default_server",
        "[::]:443 ssl default_server",
        "0.0.0.0:443 quic reuseport default_server",
        "[::]:443 quic reuseport default_server",
        "0.0.0.0:443 ssl",
        "[::]:443 ssl",
        "0.0.0.0:443 quic",
        "[::]:443 quic",
    ]
    both = rendered(EXAMPLE, ('listen = "127.0.0.1:8080"', 'listen = "[::]:8080"'), HOSTS)
    assert re.findall(r"listen (\S+:8080[^;]*);", both) == [
        "[::]:8080 ipv6only=off default_server",
        "[::]:8080",
    ]


@pytest.mark.parametrize("redirect", ["true", "false"])
def test_challenges_are_served_at_every_host(redirect: str) -> None:
    """By plain HTTP, which is where an authority asks; also at hosts that are refused, and of neighbours."""
    acme = ('acme_webroot = ""', 'acme_webroot = "proxy/acme"')
    told = (HOSTS, REFUSE, acme, ("redirect = true", f"redirect = {redirect}"))
    conf = rendered(WITH_TLS + BLOG + NEIGHBOUR, *told)
    blocks = re.findall(r"\n    server \{\n(.*?)\n    \}", conf, re.DOTALL)
    plain = [block for block in blocks if "listen 127.0.0.1:8080" in block]
    assert plain
    assert all("location ^~ /.well-known/acme-challenge/ {" in block for block in plain)
