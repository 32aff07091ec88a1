"""The files of which those in proxy/ are made, and by which it is seen whether the proxy has loaded them."""

import json
from pathlib import Path

from toolkit.config import Config
from toolkit.files import adoption_file
from toolkit.project import Project
from toolkit.rendering import certificates, include_file, pages, passwords, reload, render, tls_files


def of(project: Project) -> list[Path] | None:
    """None: one look is not like the next. A certificate has run out, and each look warns of it; or there are
    several hosts, which the engine has to be asked for.

    Raises Refused where [proxy] include names a file that is not understood.
    """
    if project.config.project.engine.several_hosts or _has_run_out(project):
        return None
    own = [project.root / name for name in named(project.config, project.root)]
    ours = [project.proxy_dir / name for name in (*render.NAMES, reload.LOADED)]
    copies = [path for name in (tls_files.FOLDER, passwords.FOLDER) for path in _in(project.proxy_dir / name)]
    return [*own, project.state_dir / adoption_file.NAME, *ours, *copies]


def named(config: Config, root: Path) -> list[str]:
    """What bgctl.toml names, as paths below the project's folder."""
    pairs = [name for each in certificates.all_of(config) for name in (each.certificate, each.key)]
    return [*pairs, *pages.named(config), *include_file.names(config, root)]


def _in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file())


def _has_run_out(project: Project) -> bool:
    try:
        told = json.loads((project.proxy_dir / "settings.json").read_bytes()).get("certificates", [])
    except (OSError, ValueError):
        return False  # then the proxy has loaded nothing, and that is told
    return any(each["not_after"] <= project.now().timestamp() for each in told)
