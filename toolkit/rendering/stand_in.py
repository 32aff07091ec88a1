"""What the proxy shows where [acme] has obtained nothing yet: the pair that it has, else a self-signed one.

The proxy must run before the first certificate is there: by plain HTTP it answers the authority's challenges.
"""

import re
from datetime import datetime, timedelta

from toolkit.config import acme_hosts
from toolkit.errors import Refused
from toolkit.project import Project
from toolkit.rendering import certificate
from toolkit.rendering.certificate import Certificate

ISSUER = "no certificate yet, run: bgctl certificate"  # what a browser shows of it
LIFE = timedelta(days=365)
SHOWN = re.compile(r"ssl_certificate /etc/bgctl/(tls/[^/;]+\.pem);")  # as nginx/tls.conf.j2 has it


def pair(project: Project) -> Certificate:
    """What [tls] shows until [acme] has obtained a certificate. One that was there before [acme] stays."""
    now, hosts = project.now(), acme_hosts.of(project.config)
    found = shown(project)
    if found and (set(hosts) <= set(found.names) or not is_one(found)) and found.until > now:
        return found
    return make(hosts, now)


def shown(project: Project) -> Certificate | None:
    """The pair that the proxy's nginx.conf names."""
    try:
        named = SHOWN.search((project.proxy_dir / "nginx.conf").read_text())
        path = project.proxy_dir / named[1] if named else None
        return certificate.load(path, path, project.now()) if path else None
    except (OSError, Refused):
        return None


def make(hosts: tuple[str, ...], now: datetime) -> Certificate:
    """A self-signed pair, which no browser believes."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ISSUER)])
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    until = (now + LIFE).replace(microsecond=0)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - certificate.SKEW)
        .not_valid_after(until)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Certificate(hosts, until, private + made.public_bytes(Encoding.PEM))


def is_one(found: Certificate) -> bool:
    from cryptography import x509

    issuer = x509.load_pem_x509_certificates(found.pem)[0].issuer
    return any(each.value == ISSUER for each in issuer)
