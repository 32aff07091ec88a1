"""Puts a certificate into service, and makes sure that it is shown; else the one before serves on."""

from itertools import product
from pathlib import Path

from toolkit.acme import account, listener
from toolkit.clients.proxy import reachable
from toolkit.config import Config, acme_hosts, hosts
from toolkit.config.acme_table import PAIR
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.project import Project
from toolkit.rendering import certificate, certificates, reload, tls_files
from toolkit.rendering.certificate import Certificate
from toolkit.values import Address


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
    if missing := set(acme_hosts.of(project.config)) - set(found.names):
        raise Unfit(
            f"{path} is not for {', '.join(sorted(missing))}", f"it is for {found}", "bgctl certificate"
        )
    return found


def in_service(project: Project, found: Certificate) -> bool:
    """Whether the proxy has it, and shows it."""
    return tls_files.is_installed(project, found) and not unshown(project, found)


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
    files, loaded = reload.wanted(project)
    reload.check_listeners(project)
    reload.apply(project, files)
    if where := unshown(project, loaded[0].found):
        why = f"another one is shown at {where}"
        raise Failed("the proxy does not show the new certificate", why, "bgctl doctor")


def unshown(project: Project, found: Certificate) -> str | None:
    """Where the proxy does not show the certificate, as "ADDRESS for HOST"; None: it does everywhere."""
    own, config = own_der(found), project.config
    pairs = product(config.tls.listen, shown_for(config))
    missing = (f"{listen} for {host}" for listen, host in pairs if _shown(config, listen, host) != own)
    return next(missing, None)


def shown_for(config: Config) -> list[str]:
    """The hosts of [acme] for which the proxy shows its certificate."""
    sources = certificates.all_of(config)
    mine = [each for each in acme_hosts.of(config) if certificates.of_host(sources, each).setting == "tls"]
    known = set(map(str, hosts.named(config)))
    return [each for each in mine if each in known or config.proxy.unknown_hosts != "refuse"]


def own_der(found: Certificate) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_pem_x509_certificates(found.pem)[0].public_bytes(Encoding.DER)


def _shown(config: Config, listen: Address, host: str) -> bytes:
    try:
        return listener.shown(listen, host, listener.prefix_of(config))
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
