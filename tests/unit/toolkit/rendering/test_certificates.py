"""Several certificates: which there are, which one a host is shown, and that each is for its hosts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.unit.toolkit.support.rendered import EXAMPLE, WITH_TLS
from toolkit import config
from toolkit.errors import Refused
from toolkit.rendering import certificates
from toolkit.rendering.certificates import Source

NOW = datetime.now(UTC)
AUTHORITY = trustme.CA()
MORE = """
[certificates.blog]
hosts = ["blog.example", "*.blog.example"]
certificate = "c.pem"
key = "d.pem"

[certificates.one]
hosts = ["one.blog.example"]
certificate = "e.pem"
key = "f.pem"
"""
FOUND = config.parse(
    WITH_TLS.replace(f"hosts = []{26 * ' '}# where", 'hosts = ["shop.example"]  # where') + MORE
)


def issue(folder: Path, certificate: str, key: str, *names: str) -> None:
    issued = AUTHORITY.issue_cert(*names, not_after=NOW + timedelta(days=90))
    (folder / certificate).write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    (folder / key).write_bytes(issued.private_key_pem.bytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    issue(tmp_path, "a.pem", "b.pem", "shop.example")
    issue(tmp_path, "c.pem", "d.pem", "blog.example", "*.blog.example")
    issue(tmp_path, "e.pem", "f.pem", "one.blog.example")
    return tmp_path


def test_which_there_are() -> None:
    assert certificates.all_of(FOUND) == [
        Source((), "a.pem", "b.pem", "tls"),
        Source(("blog.example", "*.blog.example"), "c.pem", "d.pem", "certificates.blog"),
        Source(("one.blog.example",), "e.pem", "f.pem", "certificates.one"),
    ]
    assert certificates.all_of(config.parse(EXAMPLE)) == []


@pytest.mark.parametrize(
    ("host", "setting"),
    [
        ("blog.example", "certificates.blog"),
        ("two.blog.example", "certificates.blog"),
        ("*.blog.example", "certificates.blog"),
        ("one.blog.example", "certificates.one"),
        ("a.one.blog.example", "tls"),
        ("shop.example", "tls"),
    ],
)
def test_which_one_a_host_is_shown(host: str, setting: str) -> None:
    assert certificates.of_host(certificates.all_of(FOUND), host).setting == setting


def test_all_are_read_with_their_hosts_and_their_ends(folder: Path) -> None:
    loaded = certificates.load(FOUND, folder, NOW)
    assert [(each.path, each.serves) for each in loaded] == [
        ("a.pem", ("shop.example",)),
        ("c.pem", ("blog.example", "*.blog.example")),
        ("e.pem", ("one.blog.example",)),
    ]
    assert all(timedelta(days=89) < each.not_after - NOW < timedelta(days=91) for each in loaded)


@pytest.mark.parametrize(
    ("pair", "names", "said"),
    [
        (("a.pem", "b.pem"), ["www.shop.example"], r"a.pem is not for shop.example: \[tls\] would show it"),
        (("c.pem", "d.pem"), ["blog.example"], r"c.pem is not for \*.blog.example: \[certificates.blog\]"),
        (("c.pem", "d.pem"), ["*.blog.example"], "c.pem is not for blog.example"),
        (("e.pem", "f.pem"), ["*.one.blog.example"], r"e.pem is not for one.blog.example.*it is for \*.one"),
    ],
)
def test_one_that_is_not_for_its_host(
    folder: Path, pair: tuple[str, str], names: list[str], said: str
) -> None:
    issue(folder, *pair, *names)
    with pytest.raises(Refused, match=said) as caught:
        certificates.load(FOUND, folder, NOW)
    assert "[certificates.NAME] with hosts = [" in str(caught.value.next)


def test_without_hosts_any_names_will_do(folder: Path) -> None:
    issue(folder, "a.pem", "b.pem", "elsewhere.example")
    assert len(certificates.load(config.parse(WITH_TLS), folder, NOW)) == 1
