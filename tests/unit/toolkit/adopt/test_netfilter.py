"""The rules of a redirect: which connections they concern, and that a later run finds just them."""

import os

import pytest

from toolkit.adopt import netfilter
from toolkit.adopt.netfilter import IPV4, IPV6
from toolkit.engine import process
from toolkit.errors import Failed


def chains(temporary: dict[str, str]) -> list[tuple[str, str]]:
    return [(rule.program, rule.chain) for rule in netfilter.rules(temporary, "shop")]


@pytest.mark.parametrize(
    ("public", "there", "programs"),
    [
        ("0.0.0.0:80", "0.0.0.0:30080", [IPV4]),
        ("127.0.0.1:80", "127.0.0.1:30080", [IPV4]),
        ("[::1]:80", "[::1]:30080", [IPV6]),
        ("[::]:80", "[::]:30080", [IPV4, IPV6]),
    ],
)
def test_from_outside_and_from_this_host_in_each_family(public: str, there: str, programs: list[str]) -> None:
    wanted = [(program, chain) for program in programs for chain in ("INPUT", "PREROUTING", "OUTPUT")]
    assert chains({public: there}) == wanted


def test_both_families_apart_get_a_rule_each() -> None:
    found = chains({"0.0.0.0:80": "0.0.0.0:30080", "[::]:80": "[::]:30081"})
    assert [program for program, chain in found if chain == "OUTPUT"] == [IPV4, IPV6]


def test_every_address_of_the_host_or_one() -> None:
    *_, every = netfilter.rules({"0.0.0.0:80": "0.0.0.0:30080"}, "shop")
    *_, one = netfilter.rules({"10.0.0.5:80": "10.0.0.5:30080"}, "shop")
    assert " ".join(every.words) == (
        "-p tcp --dport 80 -m addrtype --dst-type LOCAL -m comment --comment bgctl-adopt shop "
        "-j DNAT --to-destination :30080"
    )
    assert "-d 10.0.0.5" in " ".join(one.words)


def test_they_stand_before_those_of_the_engine() -> None:
    rule = netfilter.rules({"127.0.0.1:80": "127.0.0.1:30080"}, "shop")[-1]
    assert rule.insert()[:8] == [IPV4, "-w", "10", "-t", "nat", "-I", "OUTPUT", "1"]


def test_only_those_of_the_project_are_found_again() -> None:
    listed = """\
-P OUTPUT ACCEPT
-A OUTPUT -d 127.0.0.1/32 -p tcp -m tcp --dport 80 -m comment --comment "bgctl-adopt shop" -j DNAT
-A OUTPUT -p tcp -m tcp --dport 81 -m comment --comment "bgctl-adopt shop2" -j DNAT
-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
"""
    (found,) = netfilter.ours(IPV4, "nat", listed, "shop")
    assert found.delete()[:9] == [IPV4, "-w", "10", "-t", "nat", "-D", "OUTPUT", "-d", "127.0.0.1/32"]
    assert "bgctl-adopt shop" in found.delete()


def test_comments_of_others_may_be_anything() -> None:
    listed = """-A OUTPUT -m comment --comment "half a
line, it's" -j ACCEPT
-A OUTPUT -p tcp -m tcp --dport 80 -m comment --comment "bgctl-adopt shop" -j DNAT
"""
    assert len(netfilter.ours(IPV4, "nat", listed, "shop")) == 1


def test_a_kernel_without_ipv6_is_not_asked_for_its_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def run(argv: list[str], **_: object) -> str:
        asked.append(argv[0])
        if argv[0] == IPV6:
            raise Failed("ip6tables failed", "can't initialize ip6tables table `nat'")
        return ""

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(process, "which", lambda name: f"/usr/sbin/{name}")
    monkeypatch.setattr(process, "run", run)
    assert netfilter.lift("shop", {"0.0.0.0:80": "0.0.0.0:30080"}) == 0
    assert set(asked) == {IPV4}


def test_without_root_there_is_no_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "only root" in netfilter.why_not({"127.0.0.1:80": "127.0.0.1:30080"}, "shop", False, True)
    assert netfilter.standing("shop", {"127.0.0.1:80": "127.0.0.1:30080"}) == []


def test_a_rootless_engine_has_its_ports_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "rootless" in netfilter.why_not({"127.0.0.1:80": "127.0.0.1:30080"}, "shop", True, True)


def test_without_the_program_there_is_no_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(process, "which", lambda name: None)
    assert netfilter.why_not({"[::1]:80": "[::1]:30080"}, "shop", False, True) == "ip6tables is not installed"
