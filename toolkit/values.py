"""Small values that configuration, state and commands share: versions, durations, addresses, times."""

import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import ClassVar, Self

SLOTS = ("blue", "green")  # the two places in which a version of the app can run
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")

_DURATION = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def is_version(text: str) -> bool:
    return VERSION.fullmatch(text) is not None


def is_rising(shares: Sequence[int]) -> bool:
    """Whether these are shares in per cent, each larger than the one before."""
    return all(1 <= share <= 100 for share in shares) and all(low < high for low, high in pairwise(shares))


def stamp(now: datetime) -> str:
    """A time as text: RFC 3339 in UTC, whole seconds, such as 2026-01-15T10:30:00Z."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def is_stamp(text: str | None) -> bool:
    try:
        return text is not None and stamp(moment(text)) == text
    except ValueError:
        return False


def moment(text: str) -> datetime:
    """The time of a stamp. Raises ValueError for other text."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


class Duration(float):
    """A length of time in seconds; 0 stands for "off"."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with what to write."""
        if text == "off":
            return cls(0)
        if not (match := _DURATION.fullmatch(text)):
            raise ValueError(f'{text!r} is not a duration; write one like "500ms", "30s", "5m", "24h", "7d"')
        return cls(int(match[1]) * _UNITS[match[2]])

    @property
    def nginx(self) -> str:
        return f"{self:.0f}s" if self.is_integer() else f"{self * 1000:.0f}ms"


class Text(str):
    """A string of one kind: all of it has to match `pattern`. `like` is an example, for messages."""

    kind: ClassVar[str]
    like: ClassVar[str]
    pattern: ClassVar[re.Pattern[str]]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with what to write."""
        if not cls.pattern.fullmatch(text):
            raise ValueError(f'{text!r} is not {cls.kind}; write one like "{cls.like}"')
        return cls(text)


class Address(Text):
    """A literal IP address and port: the proxy runs on the host network and looks no names up."""

    kind, like = "an address", "127.0.0.1:8081"
    pattern = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with what to write."""
        match = cls.pattern.fullmatch(super().parse(text))
        assert match
        try:
            ip = ipaddress.IPv6Address(match[1]) if match[1] else ipaddress.IPv4Address(match[2])
        except ValueError:
            ip = None
        if ip is None or not 0 < int(match[3]) < 65536:
            raise ValueError(f'{text!r} is not {cls.kind}; write one like "{cls.like}"')
        return cls(f"[{ip}]:{int(match[3])}" if match[1] else f"{ip}:{int(match[3])}")

    @property
    def host(self) -> str:
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.rpartition(":")[2])

    @property
    def url(self) -> str:
        return f"http://{self}"

    def after(self, ports: int) -> Self:
        """The same host, so many ports further on."""
        return type(self)(f"{self.rpartition(':')[0]}:{self.port + ports}")

    def at(self, host: str) -> Self:
        """The same port of another host."""
        return type(self).parse(f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}")

    @property
    def wildcard(self) -> bool:
        return ipaddress.ip_address(self.host).is_unspecified

    @property
    def loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback
