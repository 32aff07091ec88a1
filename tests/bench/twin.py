"""A second proxy, ours or a plain one, on ports of its own: something looks into it while it serves."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.bench.rig import Rig, Subject

NGINX = ("-p", "/tmp", "-c", "/etc/bgctl/nginx.conf", "-e", "stderr", "-g")
ALONE = "daemon off; master_process off;"  # one process: the worker


def ours(
    rig: Rig,
    name: str,
    *options: str,
    image: str,
    command: tuple[str, ...] = (),
    change: Callable[[str], str] = str,
) -> Subject:
    """As bgctl has rendered it, but for its ports, and for what `change` makes of nginx.conf."""
    project, folder = rig.project, rig.folder(name, {"allocated.lua": "allocated.lua"})
    shutil.copytree(project.directory / "proxy", folder, dirs_exist_ok=True)
    conf = folder / "nginx.conf"
    text = conf.read_text()
    for mine, its in ((project.ports.proxy, "twin"), (project.ports.control, "twin_control")):
        text = text.replace(f":{mine}", f":{rig.ports[its]}")
    conf.write_text(change(text))
    keys = (f"keys/{each}" for each in ("verify", "pin", "proxy"))
    user = project.engine_says("inspect", "--format", "{{.Config.User}}", project.containers("proxy")[0])
    volumes = (f"--volume={project.directory / each}:/{each}:ro" for each in ("state", *keys))
    return _start(
        rig, name, folder, *volumes, f"--user={user.strip()}", *options, image=image, command=command
    )


def plain(rig: Rig, name: str, *options: str, image: str, command: tuple[str, ...] = ()) -> Subject:
    """The nginx of plain.conf, but for its ports."""
    folder = rig.folder(name, {"nginx.conf": "plain.conf"})
    conf = folder / "nginx.conf"
    text = conf.read_text().replace(f":{rig.ports['plain']}", f":{rig.ports['twin']}")
    conf.write_text(text.replace(f":{rig.ports['plain_tls']}", f":{rig.ports['twin_control']}"))
    return _start(rig, name, folder, *options, image=image, command=command)


def _start(rig: Rig, name: str, folder: Path, *options: str, image: str, command: tuple[str, ...]) -> Subject:
    container = rig.run(image, f"--volume={folder}:/etc/bgctl:ro", *options, command=command)
    subject = rig.subject(name, f"http://127.0.0.1:{rig.ports['twin']}", container)
    rig.wait_for(subject)
    return subject
