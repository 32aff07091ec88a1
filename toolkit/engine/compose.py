"""The compose file after interpolation: which image a service has, and where it listens."""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from toolkit.config import Config
from toolkit.config.tables import Tokens
from toolkit.errors import BgctlError, Failed, NotYet, Refused, together
from toolkit.files.env_file import VERSIONS
from toolkit.values import SLOTS

STARTED = "service_started"  # what depends_on waits for, where it does not say
BLUE, GREEN = VERSIONS  # the variables that say which version each slot has
DURATION = re.compile(r"(?:\d+(?:\.\d*)?(?:h|ms|m|s|us|µs|ns))+")
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
LIFE = "BGCTL_TOKEN_TTL"  # seconds that the session API's tokens last
CLAIM = "BGCTL_VERSION_CLAIM"  # where the app's own tokens have the version


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
    restart: str | None = None
    depends_on: dict[str, Any] | list[str] | None = None
    links: list[str] | None = None
    volumes_from: list[str] | None = None
    tmpfs: list[str] | str | None = None
    container_name: str | None = None
    profiles: list[str] | None = None
    stop_grace_period: Any = None

    def mentions(self, version: str) -> bool:
        """Whether anything that makes its container another one says this version."""
        return version in msgspec.json.encode(self).decode()

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
    def mount_points(self) -> set[str]:
        """Where in the container something is mounted."""
        listed = [self.tmpfs] if isinstance(self.tmpfs, str) else self.tmpfs or []
        return {mount_point(each) for each in (self.volumes or [])} | {
            str(each).split(":")[0] for each in listed
        }

    @property
    def published(self) -> set[str]:
        return {address for port in self.ports for address in published(port)}

    @property
    def grace(self) -> float | None:
        """Seconds between SIGTERM and SIGKILL; None: it does not say."""
        return seconds(self.stop_grace_period)


class Compose(Struct, frozen=True):
    services: dict[str, ComposeService]
    volumes: dict[str, Any] | None = None

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

    @property
    def graces(self) -> dict[str, float]:
        """Of the services that say how long they take to stop."""
        found = {name: service.grace for name, service in self.services.items()}
        return {name: grace for name, grace in found.items() if grace is not None}


def _plain(value: Any) -> Any:
    return value.replace("$$", "$") if isinstance(value, str) else value


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


def mount_point(volume: object) -> str:
    if isinstance(volume, dict):
        return str(volume.get("target", ""))
    parts = str(volume).split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def published(port: object) -> set[str]:
    """Where a port is published, such as "127.0.0.1:8081", from any form that compose commands print.

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


def _range(ports: str) -> Sequence[int]:
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", ports)
    return range(int(match[1]), int(match[2] or match[1]) + 1) if match else ()


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


def services(config: Config) -> list[str]:
    """Every compose service that bgctl.toml implies."""
    slots = [f"{name}-{slot}" for name in config.slotted for slot in SLOTS]
    return ["proxy", *config.shared, *slots]


def check(config: Config, compose: Compose, *paths: Path) -> None:
    """Raises Refused naming the compose file, a line and the mend. `paths`: the files that make it up."""
    if found := list(problems(config, compose, *paths)):
        raise together(found)


def problems(config: Config, compose: Compose, *paths: Path) -> Iterator[BgctlError]:
    """Where the compose file does not fit bgctl.toml: file, line and mend."""
    yield from misfits(config, compose, *paths)
    yield from unready(config, compose, *paths)


def misfits(config: Config, compose: Compose, *paths: Path) -> Iterator[BgctlError]:
    """What keeps a service from coming up where bgctl.toml has it."""
    yield from absent(compose, services(config), paths)
    for service, address in _addresses(config).items():
        found = compose.services.get(service)
        if found and found.network_mode != "host" and address not in found.published:
            why = f'bgctl.toml has it on {address}; publish it there: ports: ["{address}:PORT"]'
            yield Refused(f"{place(paths, service, 'ports')}: {service}", why, _edit(paths))
    yield from _shorter_lives(config, compose, paths)


def unready(config: Config, compose: Compose, *paths: Path) -> Iterator[BgctlError]:
    """What no release can begin with; what has served people comes back all the same."""
    yield from _unnamed(config, compose, paths)
    yield from _other_claims(config, compose, paths)


def absent(compose: Compose, wanted: Iterable[str], paths: Sequence[Path]) -> Iterator[BgctlError]:
    """Which of these services it does not have."""
    for service in wanted:
        if service not in compose.services:
            what = f"{names(paths)}: no service {service}"
            yield Refused(what, "bgctl.toml needs it; add it", _edit(paths))


def _unnamed(config: Config, compose: Compose, paths: Sequence[Path]) -> Iterator[BgctlError]:
    """An image that is built has no name of its own, and the two versions of a slot would share one."""
    for name, service, variable in _pairs(config):
        if service in compose.services and not compose.image(service):
            where = f"{place(paths, service, 'build')}: {service} is built without a name"
            why = f"write image: {config.project.name}-{name}:${{{variable}}}"
            yield Refused(where, why, _edit(paths))


def alike(
    config: Config,
    compose: Compose,
    paths: Sequence[Path],
    versions: tuple[str, str],
    serving: str = "",
) -> Iterator[BgctlError]:
    """Slots that do not depend on their version, in a file that was read with `versions` for blue and green.

    One with the version that is `serving` written into it cannot run another one. Where the name of an image
    says no version at all, a release may still go by what the app answers.
    """
    for _, service, variable in _pairs(config):
        found = compose.services.get(service)
        if found and found.image and not found.mentions(versions[variable == GREEN]):
            where = f"{place(paths, service, 'image')}: {service} is the same on every version"
            why, next = f"write image: {_untagged(found.image)}:${{{variable}}}", _edit(paths)
            yield (Refused if not serving or found.mentions(serving) else NotYet)(where, why, next)


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


def _shorter_lives(config: Config, compose: Compose, paths: Sequence[Path]) -> Iterator[BgctlError]:
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
                where = f"{place(paths, service, 'environment')}: {service} is told {LIFE}={told or ''}"
                yield Refused(where, why, _edit(paths))


def _other_claims(config: Config, compose: Compose, paths: Sequence[Path]) -> Iterator[BgctlError]:
    """A session API that looks for the version elsewhere would refuse tokens that the proxy routes by."""
    wanted = str(config.tokens.version_claim)
    for service, shared in config.shared.items():
        found = compose.services.get(service)
        if found and shared.address == config.sessions.address:
            told = found.variable(CLAIM) or str(Tokens().version_claim)
            if told != wanted:
                why = f'[tokens] version_claim is "{wanted}"; add to its environment {CLAIM}: ${{{CLAIM}}}'
                where = f"{place(paths, service, 'environment')}: {service} is told {CLAIM}={told}"
                yield Refused(where, why, _edit(paths))


def names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


def _edit(paths: Sequence[Path]) -> str:
    """The next step for what compose files lack."""
    return f"edit {' or '.join(path.name for path in paths)}, then run the same command again"


def place(paths: Sequence[Path], service: str, key: str = "") -> str:
    """ "compose.yaml:12", where a service has this key; the last of several files prevails, as for compose.

    Where none has the key it is the service's own line, in the first file that has the service.
    """
    seen = [(path, lines) for path in paths if (lines := _lines_of(path, service))]
    for path, lines in reversed(seen):
        if key and key in lines:
            return f"{path.name}:{lines[key]}"
    return f"{seen[0][0].name}:{seen[0][1]['']}" if seen else f"{paths[0].name}:1"


def _lines_of(path: Path, service: str) -> dict[str, int]:
    """The line of a service (under "") and of each of its keys; empty where this file has no such service."""
    found: dict[str, int] = {}
    for number, (depth, parents, key) in enumerate(_keys(path), 1):
        if depth and parents[:1] == ("services",) and parents[1:2] in ((), (service,)):
            if parents == ("services",) and key == service:
                found.setdefault("", number)
            elif len(parents) == 2:
                found.setdefault(key, number)
    return found


def _keys(path: Path) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """For each line its depth, the keys above it and its own; a line without a key has the depth 0."""
    above: list[tuple[int, str]] = []
    for line in path.read_text().splitlines():
        if match := re.match(r"( *)[\"']?([^\s\"'#:\[\]{},-][^\s\"':]*)[\"']?\s*:(\s|$)", line):
            indent = len(match[1])
            above = [each for each in above if each[0] < indent]
            yield len(above), tuple(key for _, key in above), match[2]
            above.append((indent, match[2]))
        else:
            yield 0, (), ""


def _addresses(config: Config) -> dict[str, str]:
    slots = {f"{name}-{slot}": each.at(slot) for name, each in config.reached.items() for slot in SLOTS}
    return {**{name: each.at("address") for name, each in config.shared.items()}, **slots}
