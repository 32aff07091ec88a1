"""[acme]: what turns it on, what follows for [tls], which hosts its certificate has."""

import pytest

from tests.unit.toolkit.support.rendered import EXAMPLE
from toolkit import config
from toolkit.config import Config, acme_hosts
from toolkit.errors import Refused

OF_ACME = ("[acme]", "[headers]")
BLOG = """
[services.blog]
routes = ["/blog/"]
hosts = ["blog.example", "*.blog.example"]
address = "127.0.0.1:8200"
health = "/"

[neighbours.wiki]
hosts = ["wiki.example"]
address = "127.0.0.1:8180"
"""
OWN = """
[certificates.blog]
hosts = ["*.example"]
certificate = "c.pem"
key = "d.pem"
"""


def with_acme(more: str = "", **settings: str) -> Config:
    """The example with these settings of [acme]."""
    text = EXAMPLE
    start, end = (text.index(f"\n{table}") for table in OF_ACME)
    table = "\n[acme]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items())
    return config.parse(text[:start] + table + text[end:] + more)


def test_off_it_changes_nothing() -> None:
    found = config.parse(EXAMPLE)
    assert (found.acme.on, found.tls.on, found.tls.acme_webroot) == (False, False, "")


def test_on_it_gives_tls_its_certificate_and_the_challenges_their_folder() -> None:
    found = with_acme(agree_tos="true", hosts='["shop.example"]')
    assert found.tls.on
    assert found.tls.certificate == found.tls.key == "keys/acme/certificate.pem"
    assert found.tls.acme_webroot == "proxy/acme"
    assert acme_hosts.of(found) == ("shop.example",)


def test_hosts_of_services_and_neighbours_belong_to_it_but_wildcards_and_those_with_their_own() -> None:
    found = with_acme(BLOG, agree_tos="true")
    assert acme_hosts.of(found) == ("blog.example", "wiki.example")
    found = with_acme(BLOG + OWN, agree_tos="true", hosts='["shop.other", "wiki.example"]')
    assert acme_hosts.of(found) == ("shop.other", "wiki.example")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hosts": '["shop.example"]'}, r"acme\.agree_tos: is not true"),
        ({"agree_tos": "true"}, r"acme\.hosts: names none, and no service has any"),
        ({"agree_tos": "true", "hosts": '["*.shop.example"]'}, "is not a domain"),
        ({"agree_tos": "true", "hosts": '["localhost"]'}, "is not a domain"),
        ({"agree_tos": "true", "hosts": '["a.example", "a.example"]'}, "has an empty name, or one twice"),
        ({"agree_tos": "true", "hosts": '["a.example"]', "email": '"ops"'}, "is not an e-mail address"),
        (
            {"agree_tos": "true", "hosts": '["a.example"]', "directory": '"http://ca.example/dir"'},
            "is not the HTTPS address",
        ),
        ({"agree_tos": "true", "hosts": '["a.example"]', "renew_before": '"off"'}, "cannot be off"),
    ],
)
def test_mistakes_are_named(settings: dict[str, str], said: str) -> None:
    with pytest.raises(Refused, match=said) as caught:
        with_acme(**settings)
    assert caught.value.next == "edit bgctl.toml"


def test_a_certificate_of_ones_own_beside_it_is_refused() -> None:
    text = EXAMPLE.replace('certificate = ""', 'certificate = "c.pem"').replace('key = ""', 'key = "k.pem"')
    text = text.replace("agree_tos = false", "agree_tos = true").replace(
        "hosts = []", 'hosts = ["a.example"]', 1
    )
    with pytest.raises(Refused, match=r"tls\.certificate: is yours, and \[acme\] obtains one"):
        config.parse(text)
