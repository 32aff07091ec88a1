"""The proxies of several hosts: what has changed for them is in new containers, one node after the other.

Neither a file nor a key of a container on a swarm can be changed. On one host nginx loads it anew instead
(toolkit/rendering/reload.py).
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from toolkit import slots
from toolkit.checks.looks import Problems
from toolkit.drift import noting
from toolkit.errors import Failed, NotYet
from toolkit.project import Project
from toolkit.rendering import complaint, reload, tls_files

PLACE = "/etc/bgctl"  # where a proxy finds its files
FROM_NGINX = "nginx: configuration file"  # how the last line of its complaints begins


def start(project: Project) -> str:
    """Starts them, or replaces them where anything that they have is another one by now."""
    name, env = project.config.proxy_service, project.blue_env()
    files = reload.wanted_or_stored(project, anew=True)
    reload.store(project, files)
    if project.engine.is_current(name, env):
        return reload.NOTHING
    noting.up(project, name, env)
    reload.mark_loaded(project, files)
    return f"each node's listens on {' and '.join(slots.public(project))}"


def problems(project: Project) -> Problems:
    """Whether nginx takes a configuration that is new: it tests it in a container of its own.

    One that cannot be started on this host says nothing: then the first proxy shows whether it is good.
    """
    files = reload.wanted_or_stored(project, anew=True)
    if reload.stored(project, files) == files:
        return ""
    image = project.compose(project.blue_env()).image(project.config.proxy_service)
    with tempfile.TemporaryDirectory(prefix=".bgctl-", dir=project.root) as name:
        _write(Path(name), files, project.engine.user)
        try:
            project.engine.try_out(image, Path(name), PLACE, "-t")
        except Failed as error:
            if FROM_NGINX in error.why:
                yield complaint.refusal(error.why, files["nginx.conf"].decode())
            else:
                yield NotYet(
                    "the new configuration of the proxies could not be tested beforehand", str(error)
                )
    return ""


def _write(folder: Path, files: Mapping[str, bytes], user: str) -> None:
    """Nobody but their owner may read there: some of them are secrets.

    They are the user's as whom proxies run. An operator who is not root keeps them: nginx does not mind
    whose they are, but as root it would give folders of its own to somebody else, for which it has no right.
    """
    there = {f"{tls_files.FOLDER}/{tls_files.QUIC_KEY}": bytes(32), **files}
    for name, data in there.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, *map(int, user.split(":")))
