"""The proxy's own copies of certificates and keys, in proxy/tls/: a file for each pair, named by its digest.

A file is written before nginx.conf names it, and removed only when nginx.conf has named another one for good.
So the proxy never finds half of a pair.
"""

import os
import secrets
from collections.abc import Collection
from pathlib import Path

from toolkit.errors import Refused
from toolkit.files import atomic, disk
from toolkit.project import Project
from toolkit.rendering import certificate, certificates, stand_in
from toolkit.rendering.certificate import Certificate
from toolkit.rendering.certificates import Loaded

FOLDER = "tls"  # below proxy/
QUIC_KEY = "quic.key"


def wanted(project: Project) -> list[Loaded]:
    """The pairs that bgctl.toml names, checked, that of [tls] first; none if there is no TLS here.

    Raises Refused for a pair that must not be installed. One that has expired is good enough if it is
    installed already: a proxy that is started again after a reboot must come back.
    """
    config, given = project.config, {}
    if config.acme.on and not (project.root / config.tls.certificate).exists():
        given["tls"] = stand_in.pair(project)
    loaded = certificates.load(config, project.root, project.now(), given)
    for each in loaded:
        try:
            certificate.check_time(project.root / each.path, each.found, project.now())
        except Refused as error:
            if not is_installed(project, each.found):
                raise
            project.ui.warn(str(error))
    return loaded


def is_installed(project: Project, found: Certificate) -> bool:
    return (folder(project) / found.file_name).exists()


def name_of(found: Certificate) -> str:
    """The pair's path below proxy/."""
    return f"{FOLDER}/{found.file_name}"


def folder(project: Project) -> Path:
    return project.proxy_dir / FOLDER


def make_folders(project: Project) -> None:
    """Makes the folder of the copies, and that of ACME challenges, which the containers read."""
    try:
        if project.config.tls.on:
            folder(project).mkdir(parents=True, exist_ok=True)
            folder(project).chmod(0o750)
            if project.owner:
                os.chown(folder(project), *project.owner)
        if webroot := project.config.tls.acme_webroot:
            _make_open(project.proxy_dir, project.root / webroot / ".well-known" / "acme-challenge")
    except OSError as error:
        raise disk.unwritten(project.proxy_dir, error, "cannot be prepared") from None


def _make_open(top: Path, path: Path) -> None:
    """Makes folder `path` below `top`, readable by all under any umask: containers run as another user."""
    for each in reversed([path, *path.parents]):
        if top in each.parents and not each.exists():
            each.mkdir()
            each.chmod(0o755)


def write(project: Project, name: str, data: bytes) -> None:
    """Writes a secret file; `name` is its path below proxy/."""
    atomic.write(project.proxy_dir / name, data, mode=0o640, owner=project.owner)


def make_quic_key(project: Project) -> None:
    """Makes a key for QUIC's tokens (nginx: quic_host_key), unless there is one.

    nginx would make one with each start, and refuse the tokens that it had given to clients before.
    """
    if project.config.tls.http3 and not (folder(project) / QUIC_KEY).exists():
        write(project, f"{FOLDER}/{QUIC_KEY}", secrets.token_bytes(32))


def prune(project: Project, kept: Collection[str]) -> None:
    """Removes the pairs that the proxy no longer loads; `kept` are paths below proxy/."""
    for path in folder(project).glob("*.pem"):
        if f"{FOLDER}/{path.name}" not in kept:
            path.unlink(missing_ok=True)
