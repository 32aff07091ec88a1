"""The compose file as the compose command understands it: which services it has, and what each of them is."""

import re
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from toolkit.engine import compose_forms, yaml_text
from toolkit.engine.compose_forms import Binding
from toolkit.errors import Failed

# What depends_on waits for; the first where it does not say.
STARTED, HEALTHY, COMPLETED = "service_started", "service_healthy", "service_completed_successfully"


class ComposeService(Struct, frozen=True):
    """A service's keys that bgctl looks at, or that make its container another one (`mentions`)."""

    image: str = ""
    network_mode: str | None = None
    ports: list[Any] = []
    build: Any = None  # how its image is made: a folder, or a table
    environment: dict[str, Any] | list[str] | None = None
    volumes: list[Any] | None = None
    command: Any = None
    entrypoint: Any = None
    labels: Any = None
    restart: str | bool | None = None  # False is a bare `no`, which podman-compose passes on
    depends_on: dict[str, Any] | list[str] | None = None
    links: list[str] | None = None
    volumes_from: list[str] | None = None
    tmpfs: list[str] | str | None = None
    container_name: str | None = None
    profiles: list[str] | None = None
    stop_grace_period: Any = None
    env_file: Any = None  # docker's commands print its variables as `environment` instead
    expose: list[Any] | None = None
    healthcheck: dict[str, Any] | None = None
    deploy: dict[str, Any] | None = None
    scale: Any = None

    def mentions(self, version: str) -> bool:
        """Whether the version stands in any of these keys: then each version has another container."""
        return version in msgspec.json.encode(self).decode()

    def variable(self, name: str) -> str | None:
        """The value of a variable of its environment, in either form that compose commands print."""
        found = self.environment or {}
        pairs = found if isinstance(found, dict) else dict(line.partition("=")[::2] for line in found)
        return None if pairs.get(name) is None else str(pairs[name])

    @property
    def needs(self) -> dict[str, str]:
        """The services that have to be there before this one, each with the condition of depends_on.

        Sharing another service's network or volumes, or linking it, is such a need too, as it is to compose.
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
        """The paths of the host, and the names of volumes, that are mounted."""
        return {source for volume in self.volumes or [] if (source := compose_forms.mounted(volume))}

    @property
    def unlabelled(self) -> set[str]:
        """Those of `mounted` that have no label for SELinux (:z or :Z)."""
        return {
            source
            for volume in self.volumes or []
            if (source := compose_forms.mounted(volume)) and not compose_forms.labelled(volume)
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
        """The paths in the container at which something is mounted."""
        listed = [self.tmpfs] if isinstance(self.tmpfs, str) else self.tmpfs or []
        return {compose_forms.mount_point(each) for each in (self.volumes or [])} | {
            str(each).split(":")[0] for each in listed
        }

    @property
    def published(self) -> set[str]:
        return {address for port in self.ports for address in compose_forms.published(port)}

    @property
    def env_files(self) -> list[str]:
        """The env files that have to be there when it starts."""
        said = self.env_file if isinstance(self.env_file, list) else [self.env_file]
        tables = [each if isinstance(each, dict) else {"path": each} for each in said if each]
        return [str(each.get("path")) for each in tables if each.get("required", True)]

    @property
    def bindings(self) -> list[Binding]:
        """Its TCP ports that the host publishes, each with its number in the container."""
        return [each for port in self.ports for each in compose_forms.bindings(port)]

    @property
    def exposed(self) -> list[int]:
        """The TCP ports that it opens to other containers only."""
        return [each.target for port in self.expose or [] for each in compose_forms.bindings(port)]

    @property
    def replicas(self) -> int:
        """How many containers of it plain compose starts."""
        said = self.scale or (self.deploy or {}).get("replicas") or 1
        return int(said) if str(said).isdigit() else 1

    @property
    def health_test(self) -> str | None:
        """The command of its healthcheck, in one line; "": it is switched off; None: it does not say."""
        said = self.healthcheck or {}
        test = said.get("test")
        if said.get("disable") or test in ("NONE", ["NONE"]):
            return ""
        return " ".join(map(str, test)) if isinstance(test, list) else test

    @property
    def grace(self) -> float | None:
        """Seconds between SIGTERM and SIGKILL; None: it does not say."""
        return compose_forms.seconds(self.stop_grace_period)


class Compose(Struct, frozen=True):
    """A whole compose file, all its files merged and all variables replaced."""

    services: dict[str, ComposeService]
    volumes: dict[str, Any] | None = None

    @classmethod
    def parse(cls, text: str) -> "Compose":
        """From what the `config` command prints."""
        try:
            return msgspec.convert(yaml_text.read(text, doubled=False), cls)
        except msgspec.MsgspecError as error:
            raise Failed("the compose file was not understood", str(error), "bgctl doctor") from None

    def image(self, service: str) -> str:
        return self.services[service].image

    def with_single_dollars(self) -> "Compose":
        """The same with each $$ of an image or a variable as $: `config` prints them doubled."""

        def plain(service: ComposeService) -> ComposeService:
            told = service.environment
            if isinstance(told, dict):
                told = {key: _plain(value) for key, value in told.items()}
            elif told:
                told = [_plain(line) for line in told]
            return replace(service, image=_plain(service.image), environment=told)

        services = {name: plain(service) for name, service in self.services.items()}
        return replace(self, services=services)

    @property
    def graces(self) -> dict[str, float]:
        """Seconds between SIGTERM and SIGKILL, of the services that say them."""
        found = {name: service.grace for name, service in self.services.items()}
        return {name: grace for name, grace in found.items() if grace is not None}


def _plain(value: Any) -> Any:
    return value.replace("$$", "$") if isinstance(value, str) else value


def _of_service(text: str) -> str:
    """ "service:db:ro" or "db:ro" is "db"."""
    return text.removeprefix("service:").partition(":")[0]
