"""The kinds of values in bgctl.toml for what faces browsers: listeners, hosts, limits and logs."""

import math
import re
from collections.abc import Iterable
from typing import Self

from toolkit.values import Address, Text


class Listen(tuple[Address, ...]):
    """The addresses at which the proxy listens: one, or several in a list."""

    @classmethod
    def parse(cls, said: str | Iterable[str]) -> Self:
        """Raises ValueError with what to write."""
        found = [Address.parse(each) for each in ((said,) if isinstance(said, str) else said)]
        if not found:
            raise ValueError('names no address; write one like "0.0.0.0:80", or ["0.0.0.0:80", "[::]:80"]')
        return cls(found)

    @property
    def port(self) -> int:
        """The port that is named where there is room for one: that of the first address."""
        return self[0].port

    def apart(self, address: Address) -> bool:
        """Whether an address of IPv6 takes none of IPv4, because one of those is named with its port."""
        return ":" in address.host and any(
            ":" not in each.host and each.port == address.port for each in self
        )

    def __str__(self) -> str:
        return " and ".join(self)


_LABEL = r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?"


class HostName(Text):
    """A host as the proxy compares it: small letters, no port; `*.` stands for anything below a name."""

    kind = "a host: small letters, without a port or a dot at its end, also with *. before it"
    like, pattern = "shop.example", re.compile(rf"(?=.{{1,253}}$)(\*\.)?{_LABEL}(\.{_LABEL})*")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with what to write."""
        if not text.isascii():
            raise ValueError(f"{text!r} is not what browsers send; write it in punycode{_punycode(text)}")
        return super().parse(text)

    @property
    def wildcard(self) -> bool:
        return self.startswith("*.")


def _punycode(text: str) -> str:
    """The name in ASCII, for a message; "": Python's codec and today's browsers may differ on its letters."""
    if re.search("[\u00df\u03c2\u200c\u200d]", text):  # RFC 5895: IDNA 2003 wrote these otherwise
        return ', "xn--..."'
    try:
        return f': "{text.encode("idna").decode()}"'
    except UnicodeError:
        return ', "xn--..."'


class UnknownHosts(Text):
    kind, like = "what becomes of hosts that nothing names (serve, refuse)", "serve"
    pattern = re.compile(r"serve|refuse")


class LogName(Text):
    """The name of a log file in proxy/log/; empty: the container's output."""

    kind, like, pattern = (
        "the name of a log file",
        "access.log",
        re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}|"),
    )


class BalancerPath(Text):
    """A path at which the proxy itself answers; empty: it does not."""

    kind, like = 'a path of its own, without a "/" at its end', "/bgctl-health"
    pattern = re.compile(r"(?!.*/\.)(?!/_bgctl/)(/[A-Za-z0-9._~-]{1,100}){1,5}|")


class Rate(Text):
    """So many in a second, or in a minute."""

    kind, like, pattern = 'a rate, or "off"', "20/s", re.compile(r"[1-9][0-9]{0,4}/[sm]|off")

    @property
    def nginx(self) -> str:
        """As limit_req_zone takes it; "": no limit."""
        return "" if self == "off" else self.replace("/", "r/")

    @property
    def wait(self) -> int:
        """Whole seconds until there is room for one more."""
        return math.ceil(60 / int(self[:-2])) if self.endswith("/m") else 1
