"""Folders whose files the proxy sends itself: by their path, or where the app says X-Accel-Redirect."""

from collections.abc import Iterator

from msgspec import Struct

from toolkit.config.kinds import Folder, Prefix
from toolkit.config.service_table import Service

FILES = "/files"  # in the proxy's container: its folders, each below the name of its service
COPIED = "/copied-files"  # copies of what slots have, below the name of the service and the version

COPIES = "files"  # the folder of the project in which those copies lie


class Served(Struct, frozen=True):
    """One folder of a service. `setting` is what names it, and `internal`: only the app leads there."""

    service: str
    setting: str
    prefix: Prefix
    folder: Folder

    @property
    def internal(self) -> bool:
        return self.setting == "accel"

    @property
    def root(self) -> str:
        """What nginx puts before the path of a request, in the container, to find its file."""
        if self.folder.in_slot:
            return f"{COPIED}/{self.service}/$bg_served_version"
        return f"{FILES}/{self.service}"

    @property
    def point(self) -> str:
        """Where the proxy's container has it mounted; "": all copies are mounted in one place."""
        return "" if self.folder.in_slot else f"{self.root}{self.prefix}".rstrip("/")

    @property
    def mount(self) -> str:
        """As a compose file of the project mounts it."""
        return f"{self.folder.source}:{self.point}:ro"


def mounts(services: dict[str, Service]) -> dict[str, str]:
    """What the proxy's container mounts for them: by its place there, the line of the compose file."""
    found = [*of(services), *kept(services)]
    shared = {each.point: each.mount for each in found if each.point}
    copies = {COPIED: f"./{COPIES}:{COPIED}:ro"} if any(each.folder.in_slot for each in found) else {}
    return shared | copies


def of(services: dict[str, Service]) -> list[Served]:
    """Those of all services, in the order of bgctl.toml."""
    return [each for name, service in services.items() for each in _of_service(name, service)]


def kept(services: dict[str, Service]) -> list[Served]:
    """The folders of slots whose files bgctl keeps for old pages ([services.*] assets)."""
    return [
        Served(name, "assets", Prefix(prefix), Folder(folder))
        for name, service in services.items()
        for prefix, folder in (service.assets.items() if isinstance(service.assets, dict) else ())
    ]


def _of_service(name: str, service: Service) -> Iterator[Served]:
    for setting in ("static", "accel"):
        for prefix, folder in getattr(service, setting).items():
            yield Served(name, setting, Prefix(prefix), folder)
