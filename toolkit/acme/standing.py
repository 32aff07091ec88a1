"""How it stands with our certificate: what there is, whether it is due, when the authority may be asked."""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from toolkit.acme import backoff, due, notes
from toolkit.acme.due import Held, Verdict
from toolkit.acme.notes import Notes
from toolkit.config import acme_hosts
from toolkit.config.acme_table import PAIR
from toolkit.errors import BgctlError, NotYet, Refused
from toolkit.project import Project
from toolkit.rendering import certificate


class Standing(Struct, frozen=True):
    """`held` is the certificate that there is, `fault` why what is there cannot be used.

    `wait` is when the authority may be asked again; None: now.
    """

    held: Held | None
    fault: str
    verdict: Verdict
    notes: Notes
    wait: datetime | None


def look(project: Project) -> Standing:
    acme, hosts, now = project.config.acme, acme_hosts.of(project.config), project.now()
    found, fault = held(project)
    told = notes.read(project.state_dir, notes.about(acme.directory, hosts))
    verdict = due.judge(found, hosts, acme.renew_before, now)
    return Standing(found, fault, verdict, told, backoff.earliest(told, now))


def problems(project: Project) -> Iterator[BgctlError]:
    """What `doctor` says of it."""
    found = look(project)
    if not found.verdict.due:
        return
    last = f"; the last try: {found.notes.failure}" if found.notes.failure else ""
    why = f"{found.fault or found.verdict.why}{last}"
    what = "the certificate has not been renewed" if found.held else "no certificate has been obtained yet"
    yield NotYet(what, why, "bgctl certificate")


def hint(project: Project) -> str | None:
    """What `up` says where browsers are shown a certificate that they do not believe; None: they are not."""
    if not project.config.acme.on or (project.root / PAIR).exists():
        return None
    hosts = ", ".join(acme_hosts.of(project.config))
    return f"there is no certificate for {hosts} yet, and browsers say so; next: bgctl certificate"


def held(project: Project) -> tuple[Held | None, str]:
    """The certificate that there is, or None, and why what is there cannot be used, or ""."""
    from cryptography import x509

    path = project.root / PAIR
    if not path.exists():
        return None, ""
    try:
        found = certificate.load(path, path, project.now())
    except Refused as error:
        return None, str(error)
    own = x509.load_pem_x509_certificates(found.pem)[0]
    issuer = ", ".join(str(each.value) for each in own.issuer) or "nobody"
    return Held(found.names, issuer, own.not_valid_before_utc, own.not_valid_after_utc), ""
