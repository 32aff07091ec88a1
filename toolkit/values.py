"""Small values that configuration, state and commands share: versions, durations, addresses, times."""

import ipaddress
import re
from datetime import datetime
from typing import Self

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")

_DURATION = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h|d)")
_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def is_version(text: str) -> bool:
    return VERSION.fullmatch(text) is not None


def stamp(now: datetime) -> str:
    """RFC 3339 in UTC, whole seconds: 2026-01-15T10:30:00Z."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


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


class Address(str):
    """A literal IP address and port: the proxy runs on the host network and looks no names up."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with what to write."""
        match = _ADDRESS.fullmatch(text)
        try:
            ip = ipaddress.ip_address(match[1] or match[2]) if match else None
        except ValueError:
            ip = None
        if not match or ip is None or (ip.version == 6) != bool(match[1]) or not 0 < int(match[3]) < 65536:
            raise ValueError(f'{text!r} is not an address; write one like "127.0.0.1:8081"')
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

    @property
    def loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback
