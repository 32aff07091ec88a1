"""Whether the proxy's container has the folders whose files it is to send ([services.*] static and accel)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from toolkit.config import Config, served_folders
from toolkit.engine.compose import Compose
from toolkit.engine.compose_lines import place
from toolkit.errors import BgctlError, Refused


def problems(config: Config, found: Compose, root: Path, paths: Sequence[Path]) -> Iterator[BgctlError]:
    """Folders and volumes that are not there, and those that the compose file's own proxy does not mount.

    `root` is the project's folder; `paths` are the user's compose files.
    """
    for each in config.folders:
        setting = f"services.{each.service}.{each.setting}"
        if each.folder.volume:
            if each.folder.volume not in (found.volumes or {}):
                why = f"{setting} in bgctl.toml names it"
                next = f"add {each.folder.volume}: below volumes: in {paths[0].name}"
                yield Refused(f"there is no volume {each.folder.volume}", why, next)
        elif not each.folder.in_slot and not (root / each.folder).is_dir():
            why = f"{setting} in bgctl.toml names it, and the engine would make an empty one"
            yield Refused(f"there is no folder {each.folder}", why, f"mkdir -p {each.folder}")
    name = config.proxy_service
    there = found.services[name].mount_points if name in found.services else set()
    for point, line in served_folders.mounts(config.services).items():
        if there and point not in there:
            where = f"{place(paths, name, 'volumes')}: {name} does not mount {line.partition(':')[0]}"
            yield Refused(where, "its files are to be sent by the proxy", f"add below volumes: - {line}")


def missing(config: Config, targets: set[str]) -> list[str]:
    """What a container of the proxy that mounts just `targets` lacks, as lines of a compose file."""
    wanted = served_folders.mounts(config.services)
    return [line for point, line in wanted.items() if point not in targets]
