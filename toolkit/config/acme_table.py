"""The table [acme] of bgctl.toml: certificates that bgctl obtains itself, and what follows for [tls]."""

from msgspec.structs import replace

from toolkit.config.edge_tables import Tls
from toolkit.config.kinds import Directory, Domain, Email, Path
from toolkit.config.table import Table
from toolkit.values import Duration

PAIR = Path("keys/acme/certificate.pem")  # the key and the chain that were obtained, in one file
WEBROOT = Path("proxy/acme")


class Acme(Table, frozen=True):
    """It is on where `agree_tos` is true, which only the operator can say: of the authority's terms.

    `hosts` are names of the certificate, beside those that services have (acme_hosts.py). `timeout` is for
    each answer of the authority. `ca_file` has what a private authority's own HTTPS is trusted by; "": what
    this machine trusts.
    """

    hosts: tuple[Domain, ...] = ()
    agree_tos: bool = False
    email: Email = Email("")
    directory: Directory = Directory("https://acme-v02.api.letsencrypt.org/directory")
    ca_file: Path = Path("")
    renew_before: Duration = Duration(30 * 86400)
    timeout: Duration = Duration(20)

    @property
    def on(self) -> bool:
        return self.agree_tos


def tls_with(tls: Tls, acme: Acme) -> Tls:
    """[tls] with what [acme] gives: the pair's file, and the folder of challenges, where none is named."""
    if not acme.on:
        return tls
    named = tls.certificate or tls.key
    pair = {} if named else {"certificate": PAIR, "key": PAIR}
    return replace(tls, acme_webroot=tls.acme_webroot or WEBROOT, **pair)
