"""The proxy's own copy of certificate and key: proxy/tls/, one file for the pair, named by its content.

What nginx.conf names is there before it and stays until nothing names it: no reader ever finds half a pair.
"""

import os
import secrets
from collections.abc import Collection
from pathlib import Path

from toolkit.errors import Refused
from toolkit.files import atomic, disk
from toolkit.project import Project
from toolkit.rendering import certificate
from toolkit.rendering.certificate import Certificate

FOLDER = "tls"
QUIC_KEY = "quic.key"


def wanted(project: Project) -> Certificate | None:
    """What bgctl.toml names, checked; None: no TLS here. Raises Refused for what must not be installed.

    What is in service already may go on after its last day: a reboot must bring it back.
    """
    tls = project.config.tls
    if not tls.on:
        return None
    source = project.root / tls.certificate
    found = certificate.load(source, project.root / tls.key, project.now())
    try:
        certificate.check_time(source, found, project.now())
    except Refused as error:
        if not is_installed(project, found):
            raise
        project.ui.warn(str(error))
    return found


def is_installed(project: Project, found: Certificate) -> bool:
    return (folder(project) / found.file_name).exists()


def name_of(found: Certificate) -> str:
    """Below proxy/."""
    return f"{FOLDER}/{found.file_name}"


def folder(project: Project) -> Path:
    return project.proxy_dir / FOLDER


def make_folders(project: Project) -> None:
    """For keys, and for a challenge of the certificate's authority (which the containers read)."""
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
    """Whatever the umask: the containers run as another user."""
    for each in reversed([path, *path.parents]):
        if top in each.parents and not each.exists():
            each.mkdir()
            each.chmod(0o755)


def write(project: Project, name: str, data: bytes) -> None:
    atomic.write(project.proxy_dir / name, data, mode=0o640, owner=project.owner)


def make_quic_key(project: Project) -> None:
    """One for good: nginx would make one with each start, and not know what it has given to clients."""
    if project.config.tls.http3 and not (folder(project) / QUIC_KEY).exists():
        write(project, f"{FOLDER}/{QUIC_KEY}", secrets.token_bytes(32))


def prune(project: Project, kept: Collection[str]) -> None:
    """Removes what the proxy no longer loads; `kept` are names below proxy/."""
    for path in folder(project).glob("*.pem"):
        if f"{FOLDER}/{path.name}" not in kept:
            path.unlink(missing_ok=True)
