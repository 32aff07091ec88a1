"""Where the proxy listens while it is not to have its port yet."""

from toolkit.files.adoption_file import Adoption
from toolkit.rendering import adoption

CONF = """\
server {
    listen 0.0.0.0:80;
    listen [::]:443 ipv6only=off ssl;
    listen [::]:443 ipv6only=off quic reuseport;  # one worker
    listen 127.0.0.1:9180;
}
"""
TEMPORARY = {"0.0.0.0:80": "0.0.0.0:30080", "[::]:443": "[::]:30443"}


def moved(real: bool) -> list[str]:
    found = adoption.moved(CONF, Adoption("", "redirect", (), TEMPORARY, real))
    return [line.strip() for line in found.splitlines() if "listen" in line]


def test_elsewhere_at_first_and_by_tcp_only() -> None:
    assert moved(real=False) == [
        "listen 0.0.0.0:30080;",
        "listen [::]:30443 ipv6only=off ssl;",
        "listen 127.0.0.1:9180;",
    ]


def test_at_both_before_the_temporary_ones_go() -> None:
    assert moved(real=True) == [
        "listen 0.0.0.0:80;",
        "listen 0.0.0.0:30080;",
        "listen [::]:443 ipv6only=off ssl;",
        "listen [::]:30443 ipv6only=off ssl;",
        "listen [::]:443 ipv6only=off quic reuseport;  # one worker",
        "listen 127.0.0.1:9180;",
    ]


def test_otherwise_as_bgctl_toml_says() -> None:
    assert adoption.moved(CONF, None) == CONF
    assert adoption.moved(CONF, Adoption("", "redirect", (), {}, True)) == CONF
