"""What is wrong with [services.*] assets, the paths of files that old pages may still ask for."""

from collections.abc import Iterator

from msgspec.structs import fields

from toolkit.config import served_folders
from toolkit.config.configuration import Config
from toolkit.config.kinds import Prefix
from toolkit.config.service_table import Service
from toolkit.config.table import Where

DEFAULTS = {each.name: each.default for each in fields(Service)}


def problems(config: Config) -> Iterator[tuple[Where, str]]:
    """Each as (path of the setting, what is wrong and what to write)."""
    for name, service in config.services.items():
        where = ("services", name, "assets")
        if service.assets and (not service.slotted or service.worker):
            yield where, "is for a service with two slots and addresses; remove it"
        elif service.assets and service.protocol != "http":
            yield where, f"is for HTTP/1.1, and protocol is {service.protocol}; remove it"
        else:
            yield from _of_service(config, name, where)
        if not isinstance(service.assets, dict):
            for key in ("assets_keep", "assets_room"):
                if getattr(service, key) != DEFAULTS[key]:
                    kept = 'assets = {"/assets/" = "slot:/app/dist/assets"}'
                    yield ("services", name, key), f"is for files that are kept; write {kept}, or remove it"


def _of_service(config: Config, name: str, where: Where) -> Iterator[tuple[Where, str]]:
    service, known = config.services[name], list[Prefix]()
    folders = [(str(each.prefix), each.setting, each.service) for each in served_folders.of(config.services)]
    for prefix in service.assets:
        try:
            Prefix.parse(prefix)
        except ValueError as error:
            yield where, str(error)
            continue
        if not any(prefix.startswith(route.split(" ")[-1]) for route in service.routes if route[0] != "="):
            yield where, f"{prefix!r} is below none of its routes; add a route, or remove it"
        for owner in _owners(config, name, prefix):
            yield where, f"{prefix!r} is already taken by {owner}; each needs its own"
        for other, setting, owner in folders:
            if owner == name and (prefix.startswith(other) or other.startswith(prefix)):
                yield where, f"{prefix!r} and {other!r} of {setting} lie one in the other; keep one of them"
        for earlier in known:
            if prefix.startswith(earlier) or earlier.startswith(prefix):
                yield where, f"{earlier!r} and {prefix!r} lie one in the other; keep the outer one"
        known.append(prefix)
    for each in served_folders.kept({name: service}):
        if not each.folder.in_slot:
            like = "slot:/app/dist/assets"
            yield where, f"{each.folder!r} is no folder of a slot, of which versions differ; write {like!r}"


def _owners(config: Config, name: str, prefix: Prefix) -> Iterator[str]:
    """The settings that have this very path at a host of this service."""
    hosts = set(config.services[name].hosts or (None,))
    for other, service in config.services.items():
        if not hosts & set(service.hosts or (None,)):
            continue
        if prefix in [route.rpartition(" ")[2] for route in service.routes]:
            yield f"services.{other}.routes"
        if other != name and prefix in service.assets:
            yield f"services.{other}.assets"
        if other != name and (prefix in service.static or prefix in service.accel):
            yield f"services.{other}.static or accel"
