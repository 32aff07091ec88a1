"""Derives blue and green from a service that the compose file has once.

What goes in is what the compose command prints (`config`). What comes out is a compose file that it takes,
with the pair NAME-blue and NAME-green in place of NAME. The user's files stay as they are, and plain compose
knows nothing of it. Nothing is asked or started here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from toolkit.config import Config, Service
from toolkit.engine import compose_forms, single
from toolkit.engine.commands import PROFILE
from toolkit.engine.compose import COMPLETED
from toolkit.engine.container import COMES_BACK
from toolkit.engine.single import networks as _networks
from toolkit.files.env_file import VERSIONS
from toolkit.values import SLOTS

Document = dict[str, Any]  # a compose file, or one of its services
# What a slot has of its own: with the service's own name or ports, blue and green could not run side by side.
OWN = ("container_name", "ports", "profiles", "scale", "restart")
SHARED = ("network_mode", "ipc", "pid")  # "service:NAME" in these is another service's


def singles(document: Document, config: Config) -> list[str]:
    """The slotted services of bgctl.toml that a compose file has once, and not as a pair."""
    there = document.get("services") or {}
    return [
        name
        for name in config.slotted
        if name in there and not any(f"{name}-{slot}" in there for slot in SLOTS)
    ]


class Derivation:
    """One derivation of a compose file.

    `found` is the compose file by slot, each read with the version of that slot; `versions` are those.
    `green_restart` is green's restart policy. `paths` are the user's files, for messages.
    """

    def __init__(
        self,
        config: Config,
        found: Mapping[str, Document],
        versions: Mapping[str, str],
        green_restart: str,
        paths: Sequence[Path],
    ) -> None:
        self._config = config
        self._found = found
        self._versions = versions
        self._restart = {"blue": COMES_BACK, "green": green_restart}
        self._paths = paths
        self._names = singles(found["green"], config)
        self._images = self._repositories()
        self._gone = self._names_gone()

    def document(self) -> Document:
        """The compose file with the pairs. Raises Refused for a service that cannot run twice at a time."""
        made = dict(self._found["green"])
        kept = {name: each for name, each in made["services"].items() if name not in self._names}
        services = {name: self._beside(name, each) for name, each in kept.items() if name not in self._gone}
        for name in self._names:
            settings = self._config.slotted[name]
            single.check(name, self._services[name], settings, self._paths)
            pairs = {each: its for slot in SLOTS for each, its in self._slot(name, slot)}
            single.check_free(name, pairs, self._services, self._paths)
            services |= pairs
        made["services"] = services
        if self._apart:
            ours: Document = {_network(slot): {} for slot in SLOTS}
            made["networks"] = {"default": {}, **(made.get("networks") or {}), **ours}
        return made

    @property
    def _apart(self) -> bool:
        """Whether each slot has a network of its own, in which its services find each other by plain name."""
        return len(self._names) > 1

    def _slot(self, name: str, slot: str) -> Iterator[tuple[str, Document]]:
        """The compose services of one slot of a service: one, or one for each of its replicas."""
        service: Service = self._config.slotted[name]
        given = self._found[slot]["services"][name]
        base = {key: value for key, value in given.items() if key not in OWN}
        base["image"] = f"{self._images[name]}:{self._versions[slot]}"
        base["restart"] = self._restart[slot]
        if slot == "green":
            base["profiles"] = [PROFILE]
        _tell_version(base, self._versions[slot])
        if deploy := _without(base.get("deploy"), "replicas", "mode", "restart_policy"):
            base["deploy"] = deploy
        else:
            base.pop("deploy", None)
        self._rename(base, lambda other: f"{other}-{slot}" if other in self._names else other)
        self._connect(name, slot, base, given)
        for each in self._config.pair(name):
            if each.slot == slot:
                ports = {} if service.worker else {"ports": [f"{each.address}:{service.port}"]}
                yield each.compose, {**base, **ports}

    def _connect(self, name: str, slot: str, service: Document, given: Document) -> None:
        """Leaves a slot the names that its service has in networks in the network of the slot alone.

        In a network of both, such a name would take people to either slot.
        """
        told, others = service.get("networks"), _networks(service.get("networks"))
        aliases = [alias for how in others.values() for alias in (how or {}).get("aliases") or ()]
        if aliases:
            others = {network: _without(how, "aliases") or None for network, how in others.items()}
        if self._apart and "network_mode" not in service:
            ours = [name, *filter(None, [given.get("container_name")]), *aliases]
            own = {"aliases": list(dict.fromkeys(ours))}
            service["networks"] = {**others, _network(slot): own}
        elif aliases and isinstance(told, dict):
            service["networks"] = others

    def _beside(self, name: str, given: Document) -> Document:
        """A service outside the slots: what it says of a single service has nothing to refer to any more."""
        made = dict(given)
        if name in self._images:
            made["image"] = f"{self._images[name]}:{self._versions['green']}"
            _tell_version(made, self._versions["green"])
        for key in ("depends_on", "links"):
            told = made.get(key)
            if isinstance(told, dict):
                made[key] = {other: how for other, how in told.items() if other not in self._gone}
            elif told:
                made[key] = [other for other in told if str(other).partition(":")[0] not in self._gone]
        return made

    def _names_gone(self) -> set[str]:
        """The single services, and those that live in the container of one: they cannot live in both slots.

        What lives in the container of such a service goes as well.
        """
        gone = set(self._names)
        while more := {name for name, each in self._services.items() if _hosts(each) & gone} - gone:
            gone |= more
        return gone

    def _rename(self, service: Document, named: Callable[[str], str]) -> None:
        """Has what one slotted service says of another mean the one of its own slot."""
        told = service.get("depends_on")
        if isinstance(told, dict):
            service["depends_on"] = {named(other): how for other, how in told.items()}
        elif told:
            service["depends_on"] = [named(other) for other in told]
        if links := service.get("links"):
            pairs = [str(link).partition(":")[::2] for link in links]
            service["links"] = [f"{named(other)}:{alias or other}" for other, alias in pairs]
        for key in SHARED:
            kind, _, other = str(service.get(key) or "").partition(":")
            if kind == "service":
                service[key] = f"service:{named(other)}"
        if others := service.get("volumes_from"):
            parts = [str(each).partition(":") for each in others]
            service["volumes_from"] = [f"{named(other)}{colon}{mode}" for other, colon, mode in parts]

    def _repositories(self) -> dict[str, str]:
        """The image, without its tag, of each service that is of a version: slots, and one-shots before them.

        Services that are built alike and have no name for it share one image: it is built once, and what
        migrates is what serves.
        """
        made: dict[str, str] = {}
        for name in self._names:
            made[name] = self._repository(name, made)
        for name in self._one_shots():
            own = self._repository(name, made)
            if self._services[name].get("build") or own in made.values():
                made[name] = own
        return made

    def _repository(self, name: str, made: Mapping[str, str]) -> str:
        service = self._services[name]
        if service.get("image"):
            return compose_forms.repository(str(service["image"]))
        for other, repository in made.items():
            if service.get("build") == self._services[other].get("build"):
                return repository
        return f"{self._config.project.name}-{name}"

    def _one_shots(self) -> list[str]:
        """The services that others wait for until they have run: `service_completed_successfully`."""
        waited = {
            other
            for each in self._services.values()
            if isinstance(told := each.get("depends_on"), dict)
            for other, how in told.items()
            if (how or {}).get("condition") == COMPLETED
        }
        return [name for name in self._services if name in waited and name not in self._names]

    @property
    def _services(self) -> Document:
        found: Document = self._found["green"]["services"]
        return found


def _tell_version(service: Document, version: str) -> None:
    """Has a service that takes the env file as its environment read its own version there."""
    pairs = _pairs(service.get("environment"))
    ours = VERSIONS if service.get("env_file") else [name for name in VERSIONS if name in pairs]
    if ours:
        service["environment"] = pairs | dict.fromkeys(ours, version)


def _pairs(environment: object) -> dict[str, object]:
    """An environment by name, in either form; a bare name is None: its value is the compose command's."""
    if isinstance(environment, list):
        split = [str(line).partition("=") for line in environment]
        return {name: value if equals else None for name, equals, value in split}
    return dict(environment) if isinstance(environment, dict) else {}


def _network(slot: str) -> str:
    return f"bgctl-{slot}"


def _hosts(service: Document) -> set[str]:
    """The services in whose container a service lives, or whose volumes it has."""
    kinds = [str(service.get(key) or "").partition(":") for key in SHARED]
    told = {other for kind, _, other in kinds if kind == "service"}
    return told | {str(other).partition(":")[0] for other in service.get("volumes_from") or []}


def _without(table: object, *keys: str) -> Document:
    return {key: value for key, value in table.items() if key not in keys} if isinstance(table, dict) else {}
