"""The compose file after interpolation: which image a service has, and where it listens."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from toolkit.config import SLOTS, Config
from toolkit.config.tables import Tokens
from toolkit.errors import BgctlError, Failed, Refused, together

STARTED = "service_started"  # what depends_on waits for, where it does not say
LIFE = "BGCTL_TOKEN_TTL"  # seconds that the session API's tokens last


class ComposeService(Struct, frozen=True):
    image: str = ""
    network_mode: str | None = None
    ports: list[Any] = []
    build: Any = None  # how its image is made: a folder, or a table
    environment: dict[str, Any] | list[str] | None = None
    volumes: list[Any] | None = None
    restart: str | None = None
    depends_on: dict[str, Any] | list[str] | None = None
    links: list[str] | None = None
    volumes_from: list[str] | None = None
    tmpfs: list[str] | str | None = None

    def variable(self, name: str) -> str | None:
        """What the service's environment has under this name, in either form that compose commands print."""
        found = self.environment or {}
        pairs = found if isinstance(found, dict) else dict(line.partition("=")[::2] for line in found)
        return None if pairs.get(name) is None else str(pairs[name])

    @property
    def needs(self) -> dict[str, str]:
        """The services without which it does not start, each with its condition.

        A network, a volume or a link of another service is such a need, too, as it is to compose.
        """
        implied = [link.partition(":")[0] for link in self.links or []]
        implied += [_of_service(text) for text in (self.network_mode or "",) if text.startswith("service:")]
        others = [text for text in self.volumes_from or [] if not text.startswith("container:")]
        implied += [_of_service(text) for text in others]
        told = self.depends_on or {}
        if not isinstance(told, dict):
            told = dict.fromkeys(told)
        conditions = {name: (each or {}).get("condition", STARTED) for name, each in told.items()}
        return {**dict.fromkeys(implied, STARTED), **conditions}

    def can_spare(self, service: str) -> bool:
        """Whether it starts without this one, too: `required: false`."""
        told = self.depends_on if isinstance(self.depends_on, dict) else {}
        return (told.get(service) or {}).get("required") is False

    @property
    def mounted(self) -> set[str]:
        """What of the host is mounted, or names of volumes, from either form that compose commands print."""
        return {source for volume in self.volumes or [] if (source := mounted(volume))}

    @property
    def unlabelled(self) -> set[str]:
        """What of the host is mounted without a label for SELinux: :z, or :Z."""
        return {
            source for volume in self.volumes or [] if (source := mounted(volume)) and not labelled(volume)
        }

    def size_of(self, place: str) -> int | None:
        """Bytes of a tmpfs; None: there is none, or it has no bound of its own."""
        for entry in [self.tmpfs] if isinstance(self.tmpfs, str) else self.tmpfs or []:
            where, _, options = entry.partition(":")
            size = re.search(r"(?:^|,)size=([0-9]+)([kmg]?)", options.lower())
            if where.rstrip("/") == place and size:
                return int(size[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[size[2]]
        return None

    @property
    def published(self) -> set[str]:
        return {address for port in self.ports if (address := published(port))}


class Compose(Struct, frozen=True):
    services: dict[str, ComposeService]

    @classmethod
    def parse(cls, text: str) -> "Compose":
        """From what the `config` command prints."""
        try:
            return msgspec.yaml.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise Failed("the compose file was not understood", str(error), "bgctl doctor") from None

    def image(self, service: str) -> str:
        return self.services[service].image


def _of_service(text: str) -> str:
    """ "service:db:ro" or "db:ro" is "db"."""
    return text.removeprefix("service:").partition(":")[0]


def mounted(volume: object) -> str | None:
    if isinstance(volume, dict):
        source = volume.get("source")
        return source if isinstance(source, str) else None
    return str(volume).partition(":")[0]


def labelled(volume: object) -> bool:
    if isinstance(volume, dict):
        return bool((volume.get("bind") or {}).get("selinux"))
    return not {"z", "Z"}.isdisjoint(str(volume).rpartition(":")[2].split(","))


def published(port: object) -> str | None:
    """Where a port is published, such as "127.0.0.1:8081", from either form that compose commands print."""
    if isinstance(port, dict):
        return f"{port.get('host_ip', '0.0.0.0')}:{port['published']}" if "published" in port else None  # noqa: S104
    match = re.fullmatch(r"(?:(\S+):)?(\d+):\d+(?:/tcp)?", str(port))
    return f"{match[1] or '0.0.0.0'}:{match[2]}" if match else None  # noqa: S104


def services(config: Config) -> list[str]:
    """Every compose service that bgctl.toml implies."""
    slots = [f"{name}-{slot}" for name in config.slotted for slot in SLOTS]
    return ["proxy", *config.shared, *slots]


def check(config: Config, compose: Compose, path: Path) -> None:
    """Raises Refused naming the compose file, a line and the mend."""
    if found := list(problems(config, compose, path)):
        raise together(found)


def problems(config: Config, compose: Compose, path: Path) -> Iterator[BgctlError]:
    """Where the compose file does not fit bgctl.toml: file, line and mend."""
    for service in services(config):
        if service not in compose.services:
            yield Refused(f"{path.name}: no service {service}", "bgctl.toml needs it; add it", "bgctl doctor")
    for service, address in _addresses(config).items():
        found = compose.services.get(service)
        if found and found.network_mode != "host" and address not in found.published:
            why = f'bgctl.toml has it on {address}; publish it there: ports: ["{address}:PORT"]'
            yield Refused(f"{path.name}:{line_of(path, service)}: {service}", why, "bgctl doctor")
    yield from _shorter_lives(config, compose, path)


def _shorter_lives(config: Config, compose: Compose, path: Path) -> Iterator[BgctlError]:
    """A session API that is not told how long tokens last would sign such as the proxy refuses.

    With the default it need not be told; one that a compose file makes shorter than that has always worked.
    """
    longest, usual = int(config.tokens.longest), int(Tokens().longest)
    for service, shared in config.shared.items():
        if shared.address == config.sessions.address and service in compose.services:
            told = compose.services[service].variable(LIFE)
            lasts = int(told) if told and re.fullmatch("[0-9]{1,9}", told) else usual
            if lasts > longest or (longest != usual and told != str(longest)):
                why = f"[tokens] longest is {longest} s there; add to its environment {LIFE}: ${{{LIFE}}}"
                where = f"{path.name}:{line_of(path, service)}: {service} is told {LIFE}={told or ''}"
                yield Refused(where, why, "bgctl doctor")


def line_of(path: Path, service: str) -> int:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if re.match(rf"\s+[\"']?{re.escape(service)}[\"']?\s*:", line):
            return number
    return 1


def _addresses(config: Config) -> dict[str, str]:
    slots = {f"{name}-{slot}": each.at(slot) for name, each in config.reached.items() for slot in SLOTS}
    return {**{name: each.at("address") for name, each in config.shared.items()}, **slots}
