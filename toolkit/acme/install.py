"""Puts a certificate into service, and makes sure that it is shown; else the one before serves on."""

from collections.abc import Collection
from pathlib import Path

from toolkit.acme import account, listener
from toolkit.clients.proxy import reachable
from toolkit.config.acme_table import PAIR
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.project import Project
from toolkit.rendering import certificate, reload, tls_files
from toolkit.rendering.certificate import Certificate


class Unfit(Refused):
    """A certificate that must not go into service."""


PENDING = "pending.pem"  # in keys/acme/: obtained, and not in service yet
PREVIOUS = "previous.pem"  # what served before, until the new one does
PATIENCE = 600.0  # seconds for another bgctl to end, such as a step of a release


def pending(project: Project) -> Path:
    return account.folder(project) / PENDING


def check(project: Project, path: Path) -> Certificate:
    """The pair in the file `path`. Raises Unfit unless it is good now, and for every host of [acme]."""
    try:
        found = certificate.load(path, path, project.now())
        certificate.check_time(path, found, project.now())
    except Refused as error:
        raise Unfit(error.what, error.why, error.next) from None
    if missing := set(project.config.acme.hosts) - set(found.names):
        raise Unfit(
            f"{path} is not for {', '.join(sorted(missing))}", f"it is for {found}", "bgctl certificate"
        )
    return found


def in_service(project: Project, found: Certificate) -> bool:
    """Whether the proxy has it, and shows it."""
    return tls_files.is_installed(project, found) and not unshown(project, found, project.config.acme.hosts)


def put(project: Project, pem: bytes) -> None:
    """Raises what `reload` raises, or Failed, with the pair before in service."""
    path = project.root / PAIR
    if not (project.engine.running(project.config.proxy_service) and reachable(project.proxy, tries=3)):
        raise Refused("the proxy does not run", "only a running one can be given a certificate", "bgctl up")
    with project.change("certificate", wait=PATIENCE):
        old = path.read_bytes() if path.exists() else None
        if old and old != pem:
            account.write(project, path.with_name(PREVIOUS), old)
        account.write(project, path, pem)
        try:
            load(project)
        except BgctlError:
            _put_back(project, path, old)
            raise
    pending(project).unlink(missing_ok=True)
    path.with_name(PREVIOUS).unlink(missing_ok=True)


def load(project: Project) -> None:
    """Has the proxy load what is stored, and looks whether it shows it."""
    files, found = reload.wanted(project)
    reload.check_listeners(project)
    reload.apply(project, files)
    if found and (host := unshown(project, found, project.config.acme.hosts)):
        why = f"{project.config.tls.listen} shows another for {host}"
        raise Failed("the proxy does not show the new certificate", why, "bgctl doctor")


def unshown(project: Project, found: Certificate, hosts: Collection[str]) -> str | None:
    """A host for which the proxy's listener does not show the certificate; None: there is none."""
    own = own_der(found)
    return next((host for host in hosts if _shown(project, host) != own), None)


def own_der(found: Certificate) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_pem_x509_certificates(found.pem)[0].public_bytes(Encoding.DER)


def _shown(project: Project, host: str) -> bytes:
    try:
        return listener.shown(project.config.tls.listen, host)
    except OSError:
        return b""


def _put_back(project: Project, path: Path, old: bytes | None) -> None:
    """Warns where that fails, too: the first failure is the one that is raised."""
    try:
        if old is None:
            path.unlink(missing_ok=True)
        else:
            account.write(project, path, old)
        reload.apply(project, reload.wanted(project)[0])
    except (BgctlError, OSError) as second:
        project.ui.warn(f"the certificate before could not be put back: {second}")
