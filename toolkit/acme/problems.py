"""What an authority said, in words for an operator: what, why, and the next command. Values in, words out."""

from collections.abc import Sequence

from msgspec import Struct

REACH = "it asks http://{host}{path}… at port 80: look at its DNS records and the firewall, then: {again}"
RECORDS = "look at its records (dig {host} A; dig {host} AAAA), then: {again}"
OTHERS = "does {host} lead here? curl -v http://{host}{path}x must be answered by this proxy; then: {again}"
LATER = "{again}"
PATH = "/.well-known/acme-challenge/"
AGAIN = "bgctl certificate"

# By the last part of the error's type (RFC 8555, section 6.7).
NEXT = {
    "connection": REACH,
    "tls": REACH,
    "dns": RECORDS,
    "dnssec": RECORDS,
    "unknownHost": RECORDS,
    "unauthorized": OTHERS,
    "incorrectResponse": OTHERS,
    "caa": "its CAA records name other authorities (dig {host} CAA): add this one, then: {again}",
    "rateLimited": "wait until then; {again} --list says it again",
    "rejectedIdentifier": "remove {host} from [acme] hosts in bgctl.toml, or name another directory there",
    "unsupportedIdentifier": "remove {host} from [acme] hosts in bgctl.toml, or name another directory there",
    "externalAccountRequired": "it wants an account of its site; name another directory under [acme]",
    "invalidEmail": "write another email under [acme] in bgctl.toml",
    "invalidContact": "write another email under [acme] in bgctl.toml",
    "unsupportedContact": "write another email under [acme] in bgctl.toml",
    "userActionRequired": "read what the authority wants you to agree to, then: {again}",
}
REMOVED = ("rejectedIdentifier", "unsupportedIdentifier")  # whose next step says so already


class Problem(Struct, frozen=True):
    """One error of an authority. `code` is the last part of its type, `host` the name that it is about."""

    code: str
    detail: str
    host: str = ""


def what(authority: str) -> str:
    return f"{authority} gave no certificate"


def why(problems: Sequence[Problem]) -> str:
    """The authority's own words, one after the other."""
    return "; ".join(
        f"{each.host + ': ' if each.host else ''}{each.detail or 'no reason given'} ({each.code})"
        for each in problems
    )


def next_step(problems: Sequence[Problem], hosts: Sequence[str]) -> str:
    """Of the first problem that there is something to do about. `hosts` are those that were asked for."""
    known = next((each for each in problems if each.code in NEXT), None)
    text = NEXT[known.code] if known else LATER
    host = (known and known.host) or (hosts[0] if len(hosts) == 1 else "that host")
    return text.format(host=host, path=PATH, again=AGAIN) + _meanwhile(problems, hosts)


def _meanwhile(problems: Sequence[Problem], hosts: Sequence[str]) -> str:
    """Where some hosts of a certificate have failed: how the others get theirs all the same."""
    bad = list(dict.fromkeys(each.host for each in problems if each.host and each.code not in REMOVED))
    waiting = [host for host in hosts if host not in bad]
    if not bad or not waiting:
        return ""
    others = ", ".join(waiting[:3]) + (f" and {len(waiting) - 3} more" if len(waiting) > 3 else "")
    meanwhile = f"take {', '.join(bad)} out of hosts in bgctl.toml until then"
    return f"; or, so that {others} need not wait for it: {meanwhile}"
