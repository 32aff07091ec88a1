"""The compose file after interpolation: which image a service has, and where it listens."""

import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from toolkit.config import SLOTS, Config
from toolkit.config.tables import Tokens
from toolkit.envfile import VERSIONS
from toolkit.errors import Failed, Refused

BLUE, GREEN = VERSIONS  # the variables that say which version each slot has
LIFE = "BGCTL_TOKEN_TTL"  # seconds that the session API's tokens last


class ComposeService(Struct, frozen=True):
    image: str = ""
    network_mode: str | None = None
    ports: list[Any] = []
    build: Any = None  # how its image is made: a folder, or a table
    environment: dict[str, Any] | list[str] | None = None
    volumes: list[Any] | None = None
    command: Any = None
    entrypoint: Any = None
    labels: Any = None

    def mentions(self, version: str) -> bool:
        """Whether anything that makes its container another one says this version."""
        return version in msgspec.json.encode(self).decode()

    def variable(self, name: str) -> str | None:
        """What the service's environment has under this name, in either form that compose commands print."""
        found = self.environment or {}
        pairs = found if isinstance(found, dict) else dict(line.partition("=")[::2] for line in found)
        return None if pairs.get(name) is None else str(pairs[name])

    @property
    def mounted(self) -> set[str]:
        """What of the host is mounted, or names of volumes, from either form that compose commands print."""
        return {source for volume in self.volumes or [] if (source := mounted(volume))}

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

    def with_single_dollars(self) -> "Compose":
        """`config` writes each $ of a value twice, so that it could be read again."""

        def plain(service: ComposeService) -> ComposeService:
            told = service.environment
            if isinstance(told, dict):
                told = {key: _plain(value) for key, value in told.items()}
            elif told:
                told = [_plain(line) for line in told]
            return replace(service, image=_plain(service.image), environment=told)

        return Compose({name: plain(service) for name, service in self.services.items()})


def _plain(value: Any) -> Any:
    return value.replace("$$", "$") if isinstance(value, str) else value


def mounted(volume: object) -> str | None:
    if isinstance(volume, dict):
        source = volume.get("source")
        return source if isinstance(source, str) else None
    return str(volume).partition(":")[0]


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
    for service in services(config):
        if service not in compose.services:
            raise Refused(f"{path.name}: no service {service}", "bgctl.toml needs it; add it", "bgctl doctor")
    _check_named(config, compose, path)
    for service, address in _addresses(config).items():
        found = compose.services[service]
        if found.network_mode != "host" and address not in found.published:
            why = f'bgctl.toml has it on {address}; publish it there: ports: ["{address}:PORT"]'
            raise Refused(f"{path.name}:{line_of(path, service)}: {service}", why, "bgctl doctor")
    _check_life(config, compose, path)


def _check_named(config: Config, compose: Compose, path: Path) -> None:
    """An image that is built has no name of its own, and the two versions of a slot would share one."""
    lines = [
        f"{path.name}:{line_of(path, service)}: {service}: "
        f"image: {config.project.name}-{name}:${{{variable}}}"
        for name, service, variable in _pairs(config)
        if not compose.services[service].image
    ]
    if lines:
        what = "an image that is built needs a name with its version"
        raise Refused(what, f"write {'; '.join(lines)}", f"edit {path.name}")


def check_versions(config: Config, compose: Compose, path: Path, version: str, green: str = "") -> None:
    """Raises Refused for a slot that would be the same container on every version.

    `compose` is the file with `version` for both slots, or with `green` as green's.
    """
    lines = [
        f"{path.name}:{line_of(path, service)}: {service}: image: "
        f"{_untagged(compose.image(service))}:${{{variable}}}"
        for name, service, variable in _pairs(config)
        if not compose.services[service].mentions(green or version if variable == GREEN else version)
    ]
    if lines:
        what = "a slot would run the same image on every version"
        raise Refused(what, f"write {'; '.join(lines)}", f"edit {path.name}")


def _pairs(config: Config) -> list[tuple[str, str, str]]:
    """(name, service, variable of its version) of each slotted service."""
    return [
        (name, f"{name}-{slot}", BLUE if slot == "blue" else GREEN)
        for name in config.slotted
        for slot in SLOTS
    ]


def _untagged(image: str) -> str:
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


def _check_life(config: Config, compose: Compose, path: Path) -> None:
    """A session API that is not told how long tokens last would sign such as the proxy refuses.

    With the default it need not be told; one that a compose file makes shorter than that has always worked.
    """
    longest, usual = int(config.tokens.longest), int(Tokens().longest)
    for service, shared in config.shared.items():
        if shared.address == config.sessions.address:
            told = compose.services[service].variable(LIFE)
            lasts = int(told) if told and re.fullmatch("[0-9]{1,9}", told) else usual
            if lasts > longest or (longest != usual and told != str(longest)):
                why = f"[tokens] longest is {longest} s there; add to its environment {LIFE}: ${{{LIFE}}}"
                where = f"{path.name}:{line_of(path, service)}: {service} is told {LIFE}={told or ''}"
                raise Refused(where, why, "bgctl doctor")


def line_of(path: Path, service: str) -> int:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if re.match(rf"\s+[\"']?{re.escape(service)}[\"']?\s*:", line):
            return number
    return 1


def _addresses(config: Config) -> dict[str, str]:
    slots = {f"{name}-{slot}": each.at(slot) for name, each in config.slotted.items() for slot in SLOTS}
    return {**{name: each.at("address") for name, each in config.shared.items()}, **slots}
