"""Which container has an address of the host, and what is lost where the proxy has fewer."""

import pytest

from toolkit.adopt import holders
from toolkit.engine.container import SERVICE, Container, HostPort, HostSettings, Settings, Status
from toolkit.values import Address


def container(service: str, **ports: HostPort) -> Container:
    """`ports` as in web(tcp_8000=…)."""
    published: dict[str, list[HostPort] | None] = {}
    for name, found in ports.items():
        protocol, _, number = name.partition("_")
        published[f"{number}/{protocol}"] = [found]
    host = HostSettings(ports=published)
    return Container(service, Status("running", True), Settings("x:1", {SERVICE: service}), host=host)


def found(published: str, public: str) -> list[str]:
    web = container("web", tcp_8000=HostPort(published, "80"), udp_9000=HostPort("", "81"))
    return [each.name for each in holders.find([web, container("db")], [Address(public)])]


@pytest.mark.parametrize(
    ("published", "public", "is_held"),
    [
        ("", "0.0.0.0:80", True),
        ("0.0.0.0", "127.0.0.1:80", True),
        ("127.0.0.1", "127.0.0.1:80", True),
        ("127.0.0.1", "0.0.0.0:80", True),
        ("127.0.0.1", "10.0.0.5:80", False),
        ("", "0.0.0.0:8080", False),
        ("", "0.0.0.0:81", False),
    ],
)
def test_who_has_an_address(published: str, public: str, is_held: bool) -> None:
    assert found(published, public) == ["web"] * is_held


def test_its_port_in_the_container_is_what_is_counted_at() -> None:
    web = container("web", tcp_8000=HostPort("", "80"), tcp_8443=HostPort("", "443"))
    (held,) = holders.find([web], [Address("0.0.0.0:80"), Address("0.0.0.0:443")])
    assert held.ports == (8000, 8443)
    assert held.open() == 0, "it has no process here"


def test_addresses_that_are_lost_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "has_ipv6", lambda: True)
    web = container("web", tcp_8000=HostPort("", "80"))

    def lost(*public: str) -> list[str]:
        addresses = [Address(each) for each in public]
        (held,) = holders.find([web], addresses)
        return holders.narrower(held, addresses)

    assert "write [::]:80" in lost("0.0.0.0:80")[0]
    assert "only at 127.0.0.1:80" in lost("127.0.0.1:80")[0]
    assert lost("[::]:80") == lost("0.0.0.0:80", "[::]:80") == []
