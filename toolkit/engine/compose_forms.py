"""Entries of compose services in every form that compose commands print: volumes, ports and durations."""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

DURATION = re.compile(r"(?:\d+(?:\.\d*)?(?:h|ms|m|s|us|µs|ns))+")
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}  # in seconds

LAST = 65535  # compose commands print a port above it, too, and the engine refuses it


def repository(image: str) -> str:
    """A name without tag and digest: "localhost:5000/shop" of "localhost:5000/shop:1.6.8"."""
    folder, slash, name = image.partition("@")[0].rpartition("/")
    return f"{folder}{slash}{name.partition(':')[0]}"


def targets(ports: Sequence[object]) -> list[int]:
    """The TCP ports in the container, in the order in which they are written."""
    return [each.target for port in ports for each in bindings(port)]


def mounted(volume: object) -> str | None:
    """The path on the host, or the name of the volume; None for one without a name."""
    if isinstance(volume, dict):
        source = volume.get("source")
        return source if isinstance(source, str) else None
    return str(volume).partition(":")[0]


def labelled(volume: object) -> bool:
    """Whether the mount is labelled for SELinux."""
    if isinstance(volume, dict):
        return bool((volume.get("bind") or {}).get("selinux"))
    return not {"z", "Z"}.isdisjoint(str(volume).rpartition(":")[2].split(","))


def mount_point(volume: object) -> str:
    """The path in the container."""
    if isinstance(volume, dict):
        return str(volume.get("target", ""))
    parts = str(volume).split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def published(port: object) -> set[str]:
    """The addresses at which a port is published, such as "127.0.0.1:8081".

    Without a host's address it is every address of both families. A random port counts for none.
    """
    if isinstance(port, dict):
        host, ports, protocol = port.get("host_ip"), port.get("published"), port.get("protocol")
    else:
        mapping, _, protocol = str(port).partition("/")
        rest, _, _ = mapping.rpartition(":")
        host, _, ports = rest.rpartition(":")
    if (protocol or "tcp") != "tcp":
        return set()
    hosts = [str(host)] if host else ["0.0.0.0", "::"]  # noqa: S104
    return {
        address for each in hosts for number in _range(str(ports or "")) if (address := _at(each, number))
    }


class Binding(NamedTuple):
    """One TCP port of a container: its number there, and where the host publishes it.

    `host` "": every address. `published` 0: a random port, or one that the engine takes from a range.
    """

    host: str
    published: int
    target: int


def bindings(port: object) -> Iterator[Binding]:
    """The TCP ports of one entry of `ports`, in every form: a number, a text, a range, a table."""
    if isinstance(port, dict):
        host, ports, target = port.get("host_ip"), port.get("published"), port.get("target")
        protocol = port.get("protocol")
    else:
        mapping, _, protocol = str(port).partition("/")
        rest, _, target = mapping.rpartition(":")
        host, _, ports = rest.rpartition(":")
    if (protocol or "tcp") != "tcp":
        return
    inside, outside = _range(str(target or "")), _range(str(ports or ""))
    for place, number in enumerate(inside):
        there = outside[place] if len(outside) == len(inside) else 0
        yield Binding(str(host or "").strip("[]"), there, number)


def _range(ports: str) -> Sequence[int]:
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", ports)
    last = int(match[2] or match[1]) if match else 0
    return range(int(match[1]), last + 1) if match and last <= LAST else ()


def _at(host: str, port: int) -> str | None:
    """An address as bgctl.toml has it: docker-compose 1.29 prints IPv6 ones without their brackets."""
    with suppress(ValueError):
        ip = ipaddress.ip_address(host.strip("[]"))
        return f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"
    return None


def seconds(duration: object) -> float | None:
    """A duration in any form that compose takes: "1m30s", "1.5h", 10, "10"; None for anything else."""
    text = str(duration).strip()
    if re.fullmatch(r"\d+(\.\d*)?", text):
        return float(text)
    if not DURATION.fullmatch(text):
        return None
    parts = re.findall(r"([\d.]+)(h|ms|m|s|us|µs|ns)", text)
    return sum(float(number) * UNITS[unit] for number, unit in parts)
