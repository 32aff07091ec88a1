"""Who is let in by the rules that iptables lists, to a program of this host."""

import os

import pytest

from toolkit.adopt import firewall
from toolkit.adopt.holders import Holder
from toolkit.engine import process
from toolkit.engine.container import SERVICE, Container, HostSettings, Settings, Status
from toolkit.errors import Refused
from toolkit.values import Address

UFW = """-P INPUT DROP
-P FORWARD DROP
-P OUTPUT ACCEPT
-N ufw-before-input
-N ufw-user-input
-A INPUT -j ufw-before-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
-A ufw-user-input -p tcp -m multiport --dports 443,8000:8100 -j ACCEPT
-A FORWARD -p tcp -m tcp --dport 80 -j ACCEPT
"""
REJECTED = """-P INPUT ACCEPT
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
-A FORWARD -j REJECT --reject-with icmp-host-prohibited
"""
ADOPTING = """-P INPUT DROP
-A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate DNAT -m comment --comment x -j ACCEPT
"""


@pytest.mark.parametrize(
    ("listed", "port", "closed"),
    [
        ("-P INPUT ACCEPT\n", 80, False),
        ("-P INPUT DROP\n", 80, True),
        (UFW, 80, True),
        (UFW, 443, False),
        (UFW, 8080, False),
        (UFW, 22, False),
        (REJECTED, 80, True),
        (REJECTED, 22, False),
        (ADOPTING, 80, True),
        ("-P INPUT DROP\n-A INPUT -s 10.0.0.0/8 -j ACCEPT\n", 80, False),
        ("-P INPUT DROP\n-A INPUT ! -i eth0 -j ACCEPT\n", 80, False),
        ("-P INPUT DROP\n-A INPUT -p tcp -j NFQUEUE --queue-num 0\n", 80, False),
        ('-P INPUT DROP\n-A INPUT -p udp -m comment --comment "half a\nline" -j ACCEPT\n', 80, True),
        ("-P INPUT ACCEPT\n-A INPUT -s 192.0.2.1/32 -j DROP\n", 80, False),
        ("", 80, False),
    ],
)
def test_nobody_comes_where_nothing_could_let_them_in(listed: str, port: int, closed: bool) -> None:
    assert firewall.is_closed(listed, port) is closed


def held(address: str, network: str = "bridge") -> Holder:
    container = Container(
        "a1", Status("running", True), Settings("x:1", {SERVICE: "web"}), host=HostSettings(network=network)
    )
    return Holder(container, (Address(address),), (8000,))


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(process, "which", lambda name: f"/usr/sbin/{name}")
    monkeypatch.setattr(process, "run", lambda argv, **_: UFW)


def test_it_says_what_to_type(closed: None) -> None:
    with pytest.raises(Refused) as refused:
        firewall.check([held("0.0.0.0:80")])
    assert "0.0.0.0:80" in refused.value.what
    assert refused.value.next.startswith("ufw allow 80/tcp")


@pytest.mark.parametrize("who", [held("127.0.0.1:80"), held("[::1]:80"), held("0.0.0.0:80", "host")])
def test_what_has_been_behind_it_before_is_none_of_its_business(closed: None, who: Holder) -> None:
    firewall.check([who])
