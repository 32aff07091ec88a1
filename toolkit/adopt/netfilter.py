"""Sends new connections to a port of this host to another one, by netfilter's tables.

A rule decides at the first packet of a connection, and the kernel remembers: what is open stays where it is.
That holds when a rule comes, and when it goes (iptables-extensions(8), DNAT). The rules stand before those
of the engine, which publish the port. A comment tells them from all others, so that any later run finds them.
"""

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from toolkit.engine import process
from toolkit.errors import BgctlError, Refused
from toolkit.files.adoption_file import REDIRECT, Adoption
from toolkit.values import Address

WAIT = ("-w", "10")  # seconds for another program's change of the tables
LOOK = 20.0  # seconds
IPV4, IPV6 = "iptables", "ip6tables"
# nat rewrites the destination; filter lets in what was rewritten where a firewall would not.
CHAINS = {"nat": ("PREROUTING", "OUTPUT"), "filter": ("INPUT",)}


class Rule(Struct, frozen=True):
    """One rule. `program` is iptables or ip6tables; `words` are what stands behind the name of the chain."""

    program: str
    table: str
    chain: str
    words: tuple[str, ...]

    def insert(self) -> list[str]:
        return [self.program, *WAIT, "-t", self.table, "-I", self.chain, "1", *self.words]

    def delete(self) -> list[str]:
        return [self.program, *WAIT, "-t", self.table, "-D", self.chain, *self.words]


def comment(project: str) -> str:
    return f"bgctl-adopt {project}"


def programs(address: Address, others: Iterable[str] = ()) -> tuple[str, ...]:
    """The families of a listener; [::] is every address of both, unless one of IPv4 has its port as well."""
    if ":" not in address.host:
        return (IPV4,)
    named = [Address(each) for each in others]
    apart = any(each.port == address.port and ":" not in each.host for each in named)
    return (IPV4, IPV6) if address.wildcard and not apart else (IPV6,)


def families(temporary: Mapping[str, str]) -> tuple[str, ...]:
    """The programs whose rules these listeners need, each once."""
    named = [each for public in temporary for each in programs(Address(public), temporary)]
    return tuple(dict.fromkeys(named))


def check_user(adoption: Adoption, command: str) -> None:
    """Raises Refused for whoever can neither see nor lift the redirect of an adoption that root has begun.

    Without the proxy, to which the redirect leads, nobody would be served.
    """
    if os.geteuid() and adoption.way == REDIRECT and adoption.temporary:
        what = f"the adoption that is under way since {adoption.since} is root's"
        why = "it redirects connections, which only root may see and end"
        raise Refused(what, why, f"bgctl {command}   (as root)")


def rules(temporary: Mapping[str, str], project: str) -> list[Rule]:
    """`temporary`: by the address to which people come, the one at which they are to arrive.

    OUTPUT is for connections from this host itself, such as those to 127.0.0.1.
    """
    found = []
    for public, there in temporary.items():
        wanted, port = Address(public), Address(there).port
        for program in programs(wanted, temporary):
            found += list(_rules(program, wanted, port, comment(project)))
    return found


def _rules(program: str, public: Address, port: int, mark: str) -> Iterator[Rule]:
    where = ("-m", "addrtype", "--dst-type", "LOCAL") if public.wildcard else ("-d", public.host)
    marked = ("-m", "comment", "--comment", mark)
    redirected, accept = ("-m", "conntrack", "--ctstate", "DNAT"), ("-j", "ACCEPT")
    yield Rule(program, "filter", "INPUT", ("-p", "tcp", "--dport", f"{port}", *redirected, *marked, *accept))
    for chain in CHAINS["nat"]:
        target = ("-j", "DNAT", "--to-destination", f":{port}")
        words = ("-p", "tcp", "--dport", f"{public.port}", *where, *marked, *target)
        yield Rule(program, "nat", chain, words)


def ours(program: str, table: str, listed: str, project: str) -> list[Rule]:
    """The rules of this project in what `-S` has listed of a table."""
    found = []
    for line in listed.splitlines():
        if comment(project) not in line:
            continue  # the comments of others may be anything, such as half a line
        words = shlex.split(line)
        if words[:1] == ["-A"] and comment(project) in words:
            found.append(Rule(program, table, words[1], tuple(words[2:])))
    return found


def standing(project: str, temporary: Mapping[str, str]) -> list[Rule]:
    """The rules that an adoption of this project has set and not lifted. Raises Failed.

    Only the families of `temporary` are asked: a kernel without IPv6 refuses to list its tables.
    """
    if os.geteuid():
        return []
    found = []
    for program in families(temporary):
        for table, chains in CHAINS.items():
            if process.which(program):
                listed = [_run([program, *WAIT, "-t", table, "-S", chain]) for chain in chains]
                found += ours(program, table, "\n".join(listed), project)
    return found


def set_all(temporary: Mapping[str, str], project: str) -> None:
    """Sets the rules, in place of any from before. Raises Failed, with none of them standing."""
    before = standing(project, temporary)
    try:
        for rule in rules(temporary, project):
            _run(rule.insert())
    except BgctlError:
        lift(project, temporary)
        raise
    _delete(before)


def lift(project: str, temporary: Mapping[str, str]) -> int:
    """Removes the rules of this project, and returns how many there were. Raises Failed."""
    found = standing(project, temporary)
    _delete(found)
    return len(found)


def _delete(found: Iterable[Rule]) -> None:
    """People come first: those in nat go before those that let them in."""
    for rule in sorted(found, key=lambda each: each.table != "nat"):
        _run(rule.delete())


def why_not(temporary: Mapping[str, str], project: str, rootless: bool, look_only: bool) -> str:
    """Why no redirect can be set here; "": it can. A rule that concerns nobody is set and taken back.

    `look_only`: the tables are only read, for a dry run.
    """
    if os.geteuid():
        return "only root may redirect connections"
    if rootless:
        return "a rootless engine's ports are not those of netfilter"
    try:
        for program in families(temporary):
            if not process.which(program):
                return f"{program} is not installed"
            for table, chains in CHAINS.items():
                _run([program, *WAIT, "-t", table, "-S", chains[0]])
        # To itself: whoever came to the temporary address would arrive there.
        tried = rules({there: there for there in temporary.values()}, project)
        for rule in [] if look_only else tried:
            _run(rule.insert())
            _run(rule.delete())
    except BgctlError as error:
        return str(error)
    return ""


def _run(argv: list[str]) -> str:
    return process.run(argv, timeout=LOOK, called=argv[0])
