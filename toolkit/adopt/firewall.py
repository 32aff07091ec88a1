"""Whether this host's firewall would keep people from the proxy, who reach what runs today past it.

What an engine publishes is forwarded to a container. The proxy is a program of the host, and for those the
chain INPUT decides (iptables(8)). Only what `iptables` lists is seen, and not nftables' own tables.
"""

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

from toolkit.adopt.holders import Holder
from toolkit.adopt.netfilter import IPV4, LOOK, WAIT
from toolkit.engine import process
from toolkit.errors import BgctlError, Refused
from toolkit.values import Address

INPUT = "INPUT"
CLOSING = ("DROP", "REJECT")
PASSING = (*CLOSING, "LOG", "NFLOG", "RETURN", "MARK", "CONNMARK")  # targets that let nobody in
Chains = dict[str, list[list[str]]]  # by chain: the words of each rule


def check(held: Iterable[Holder]) -> None:
    """Raises Refused for an address to which nobody from outside would come. Only root can see that."""
    addresses = [
        address
        for each in held
        for address in each.addresses
        if each.container.host.network != "host" and not address.loopback and ":" not in address.host
    ]
    if os.geteuid() or not addresses or not process.which(IPV4):
        return
    try:
        listed = process.run([IPV4, *WAIT, "-S"], timeout=LOOK, called=IPV4)
    except BgctlError:
        return  # Then it is not known.
    for address in addresses:
        if is_closed(listed, address.port):
            raise _refusal(address, listed)


def _refusal(address: Address, listed: str) -> Refused:
    why = "what an engine publishes passes by it, and the proxy is a program of this host: nobody would come"
    let_in = f"{IPV4} -I {INPUT} -p tcp --dport {address.port} -j ACCEPT   (and in the firewall's own files)"
    if "ufw-" in listed:
        let_in = f"ufw allow {address.port}/tcp"
    mend = f'{let_in}; or, where people come from this host alone: listen = "127.0.0.1:{address.port}"'
    return Refused(f"this host's firewall lets nobody in at {address}", why, f"{mend}; then: bgctl adopt")


def is_closed(listed: str, port: int) -> bool:
    """Whether nothing that `iptables -S` has listed could let in a new connection from outside."""
    chains = _chains(listed)
    shut = f"-P {INPUT} DROP" in listed.splitlines() or any(_closes(rule) for rule in _always(chains))
    return shut and not any(_may_let_in(rule, port, chains) for rule in _reached(chains))


def _chains(listed: str) -> Chains:
    found: Chains = {}
    for line in listed.splitlines():
        with suppress(ValueError):  # half of a comment that has a line's end in it
            command, chain, *words = shlex.split(line)
            if command == "-A":
                found.setdefault(chain, []).append(words)
    return found


def _always(chains: Chains) -> Iterator[list[str]]:
    """The rules to which each packet comes: those of INPUT, and of chains to which it leads in any case."""
    for rule in chains.get(INPUT, []):
        yield rule
        if rule[:1] == ["-j"]:
            yield from chains.get(rule[1], [])


def _reached(chains: Chains) -> Iterator[list[str]]:
    """The rules that a packet may come to."""
    names = [INPUT]
    for name in names:
        for rule in chains.get(name, []):
            yield rule
            if (target := _target(rule)) in chains and target not in names:
                names.append(target)


def _closes(rule: Sequence[str]) -> bool:
    return rule[:1] == ["-j"] and rule[1] in CLOSING


def _may_let_in(rule: Sequence[str], port: int, chains: Chains) -> bool:
    """Where that depends on more than is looked at here, such as who comes: yes."""
    target = _target(rule)
    if not target or target in PASSING or target in chains:
        return False
    if "!" in rule:
        return True
    state = _value(rule, "--ctstate") or _value(rule, "--state")
    ports = _value(rule, "--dport") or _value(rule, "--dports")
    return (
        _value(rule, "-i") != "lo"
        and _value(rule, "-p") in ("", "tcp", "all")
        and (not state or "NEW" in state.split(","))
        and (not ports or any(_covers(each, port) for each in ports.split(",")))
    )


def _target(rule: Sequence[str]) -> str:
    return _value(rule, "-j") or _value(rule, "-g")


def _value(rule: Sequence[str], option: str) -> str:
    return next((value for name, value in pairwise(rule) if name == option), "")


def _covers(ports: str, port: int) -> bool:
    """`ports` is one number or a range; a name, which `iptables -S` does not write, may be any."""
    first, _, last = ports.partition(":")
    if not (first.isdecimal() and (last or first).isdecimal()):
        return True
    return int(first) <= port <= int(last or first)
