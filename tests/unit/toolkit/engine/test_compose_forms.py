"""Entries of compose services, in all the forms that compose commands print."""

import pytest

from toolkit.engine.compose_forms import bindings, published

ANY = {"0.0.0.0:8081", "[::]:8081"}


@pytest.mark.threat(93)
@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ("127.0.0.1:8081:3000/tcp", {"127.0.0.1:8081"}),
        ("127.0.0.1:8081:3000", {"127.0.0.1:8081"}),
        ("[::1]:8081:3000", {"[::1]:8081"}),
        ("::1:8081:3000/tcp", {"[::1]:8081"}),
        ("[0:0:0:0:0:0:0:1]:8081:3000", {"[::1]:8081"}),
        (":::8081:3000/tcp", {"[::]:8081"}),
        ("[::]:8081:3000", {"[::]:8081"}),
        ("2001:db8::7:8081:3000/tcp", {"[2001:db8::7]:8081"}),
        ("0.0.0.0:8081:3000", {"0.0.0.0:8081"}),
        ("8081:3000", ANY),
        ("8081-8082:3000-3001", ANY | {"0.0.0.0:8082", "[::]:8082"}),
        ("[::1]:8081-8082:3000-3001/tcp", {"[::1]:8081", "[::1]:8082"}),
        (
            {"mode": "ingress", "host_ip": "127.0.0.1", "target": 3000, "published": "8081"},
            {"127.0.0.1:8081"},
        ),
        ({"host_ip": "::1", "target": 3000, "published": "8081", "protocol": "tcp"}, {"[::1]:8081"}),
        ({"host_ip": "[::1]", "target": 3000, "published": 8081}, {"[::1]:8081"}),
        ({"target": 3000, "published": 8081}, ANY),
        ({"target": 3000, "published": 8081, "protocol": "udp"}, set()),
        ({"target": 3000, "published": "8081-8081"}, ANY),
        ({"target": 3000}, set()),
        ("127.0.0.1::3000/tcp", set()),
        ("localhost:8081:3000", set()),
        ("3000", set()),
        (3000, set()),
        ("53:53/udp", set()),
    ],
)
def test_93_published_ports(port: object, expected: set[str]) -> None:
    assert published(port) == expected


def test_a_port_that_there_cannot_be_is_none():
    """podman-compose and docker-compose print it as it is written."""
    assert published("99999:80") == set()
    assert [each.published for each in bindings("99999:80")] == [0]
