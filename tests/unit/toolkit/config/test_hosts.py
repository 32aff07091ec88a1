"""Hosts, certificates for them, neighbours, and several listeners: what may be written."""

import pytest

from tests.unit.toolkit.support.rendered import EXAMPLE, WITH_TLS
from toolkit import config
from toolkit.config import hosts, public_url
from toolkit.errors import Refused
from toolkit.health import check
from toolkit.values import Address

TWO = """
[services.blog]
routes = ["/"]
hosts = ["blog.example", "*.blog.example"]
address = "127.0.0.1:8200"
health = "/"
"""
NEIGHBOUR = """
[neighbours.wiki]
hosts = ["wiki.example"]
address = "127.0.0.1:8180"
"""
CERTIFICATE = """
[certificates.blog]
hosts = ["blog.example", "*.blog.example"]
certificate = "c.pem"
key = "d.pem"
"""


def with_hosts(said: str, text: str = EXAMPLE) -> str:
    """The example with these hosts for its frontend."""
    empty = "hosts = []                          # where"  # of a service: [acme] has hosts, too
    assert empty in text
    return text.replace(empty, f"hosts = {said}  # where")


def test_which_hosts_there_are_and_what_is_there() -> None:
    found = config.parse(with_hosts('["shop.example"]', WITH_TLS) + TWO + NEIGHBOUR + CERTIFICATE)
    assert hosts.named(found) == ["shop.example", "blog.example", "*.blog.example", "wiki.example"]
    own, every = hosts.services_at(found, hosts.named(found)[1])
    assert (list(own), list(every)) == (["blog"], ["session-api"])
    assert [list(group) for group in hosts.services_at(found, None)] == [["session-api"]]
    assert public_url.base(found) == "https://shop.example"
    assert public_url.doubt(found, "https://shop.example") is None


@pytest.mark.parametrize(
    ("said", "url", "host"),
    [
        ('["shop.example"]', "https://shop.example", "shop.example"),
        ('["*.shop.example", "a.shop.example"]', "https://a.shop.example", "a.shop.example"),
        ('["*.shop.example"]', "http://127.0.0.1:8080", "127.0.0.1:8081"),
        ("[]", "http://127.0.0.1:8080", "127.0.0.1:8081"),
    ],
)
def test_checks_and_links_say_the_first_host_that_is_no_wildcard(said: str, url: str, host: str) -> None:
    found = config.parse(with_hosts(said))
    assert (public_url.base(found), check.of(found, "frontend", "blue").host) == (url, host)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('["Shop.example"]', "is not a host: small letters"),
        ('["shop.example:443"]', "is not a host"),
        ('["shop.example."]', "is not a host"),
        ('["a.*.example"]', "is not a host"),
        ('["shop example"]', "is not a host"),
        ('["https://shop.example"]', "is not a host"),
        ('["bücher.example"]', 'punycode: "xn--bcher-kva.example"'),
        ('["straße.example"]', 'write it in punycode, "xn--...'),
        ('"shop.example"', "Expected `array`"),
        ('["shop.example", "shop.example"]', "has shop.example twice"),
    ],
)
def test_what_is_no_host(said: str, why: str) -> None:
    with pytest.raises(Refused, match=rf"bgctl\.toml:\d+: services\.frontend\.hosts.*{why}"):
        config.parse(with_hosts(said))


def test_routes_clash_only_at_the_same_host() -> None:
    config.parse(EXAMPLE + TWO)
    config.parse(with_hosts('["shop.example"]') + TWO)
    with pytest.raises(Refused, match=r"'/' is already taken by services.frontend.routes at blog.example"):
        config.parse(with_hosts('["blog.example"]') + TWO)
    with_both = with_hosts('["shop.example", "*.blog.example"]') + TWO
    with pytest.raises(Refused, match=r"already taken by services.frontend.routes at \*.blog.example"):
        config.parse(with_both)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (EXAMPLE.replace('"serve"', '"refuse"'), "proxy.unknown_hosts: .* nobody could come"),
        (EXAMPLE.replace('"serve"', '"drop"'), r"proxy.unknown_hosts: .*serve, refuse"),
        (EXAMPLE + CERTIFICATE, "certificates: needs one for all other hosts"),
        (
            EXAMPLE + NEIGHBOUR + NEIGHBOUR.replace("wiki]", "two]"),
            "neighbours.two.hosts: has wiki.example, which",
        ),
        (
            EXAMPLE + TWO + NEIGHBOUR.replace('"wiki', '"blog'),
            "neighbours.wiki.hosts: has blog.example, which",
        ),
        (EXAMPLE + NEIGHBOUR.replace('"wiki.example"', ""), "neighbours.wiki.hosts: names no host"),
        (EXAMPLE + NEIGHBOUR.replace("8180", "8080"), "neighbours.wiki.address: .*taken by proxy.listen"),
        (EXAMPLE + NEIGHBOUR.replace("wiki]", "wi_ki]"), "neighbours.wi_ki: cannot be the name"),
        (EXAMPLE + NEIGHBOUR + "timeout = 1\n", "neighbours.wiki.timeout: is not a setting"),
        (f"neighbours = 1\n{EXAMPLE}", r"neighbours: must be tables such as \[neighbours.blog\]"),
        (WITH_TLS + CERTIFICATE.replace("key", "# key"), "certificates.blog: lacks key"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(Refused, match=rf"bgctl\.toml:\d+: .*{why}"):
        config.parse(text)


def test_a_worker_is_at_no_host() -> None:
    worker = '\n[services.jobs]\nroutes = []\nhealth = "container"\nhosts = ["jobs.example"]\n'
    with pytest.raises(Refused, match=r"services.jobs.hosts: is for a service with an address"):
        config.parse(EXAMPLE + worker)


@pytest.mark.parametrize(
    ("pattern", "host", "good"),
    [
        ("shop.example", "shop.example", True),
        ("Shop.Example", "shop.example", True),
        ("*.shop.example", "a.shop.example", True),
        ("*.shop.example", "*.shop.example", True),
        ("*.shop.example", "a.b.shop.example", False),
        ("*.shop.example", "shop.example", False),
        ("a.shop.example", "*.shop.example", False),
    ],
)
def test_what_a_name_of_a_certificate_covers(pattern: str, host: str, good: bool) -> None:
    assert hosts.covers(pattern, host) == good


def listening(said: str) -> str:
    return EXAMPLE.replace('listen = "127.0.0.1:8080"', f"listen = {said}")


def test_one_address_or_several() -> None:
    assert config.parse(EXAMPLE).proxy.listen == (Address("127.0.0.1:8080"),)
    found = config.parse(listening('["0.0.0.0:80", "[::]:80", "127.0.0.1:81"]'))
    assert [(name, str(each)) for name, each in found.listeners] == [
        ("proxy.listen", "0.0.0.0:80"),
        ("proxy.listen", "[::]:80"),
        ("proxy.listen", "127.0.0.1:81"),
        ("proxy.control", "127.0.0.1:9180"),
    ]
    assert [each for _, each in found.listeners if found.apart(each)] == ["[::]:80"]
    alone = config.parse(listening('"[::]:80"'))
    assert not alone.apart(alone.proxy.listen[0])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("[]", "names no address"),
        ("80", "expected text in quotes"),
        ('["0.0.0.0:80", 81]', "expected text in quotes"),
        ('["0.0.0.0:80", "localhost:81"]', "is not an address"),
        ('["0.0.0.0:80", "0.0.0.0:80"]', "already taken by proxy.listen"),
        ('["0.0.0.0:80", "127.0.0.1:80"]', "clashes with proxy.listen; keep one"),
        ('["[::]:80", "[::1]:80"]', "clashes with proxy.listen; keep one"),
        ('["127.0.0.1:81", "[::]:9180"]', "clashes with proxy.listen; give it another port"),
    ],
)
def test_addresses_that_cannot_be(said: str, why: str) -> None:
    with pytest.raises(Refused, match=rf"bgctl\.toml:\d+: proxy\.(listen|control).*{why}"):
        config.parse(listening(said))
