"""Reads a certificate with its chain and its key: whether they fit, and until when they are good."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.errors import Refused

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

SOON = timedelta(days=14)  # before the last day, when a renewal is due
SHORTEST_RSA = 2048  # bits
SKEW = timedelta(minutes=5)  # by which the clock of the authority may be ahead of ours


class Certificate(Struct, frozen=True):
    """A certificate that fits its key. `names` are the hosts that it is for, `until` is its last moment.

    `ended` is the number in the chain of an issuer's certificate that has expired; 0: there is none.
    `pem` has the key, then the chain with the server's own certificate first. Both are in one file, so that
    the proxy never reads halves of two pairs.
    """

    names: tuple[str, ...]
    until: datetime
    pem: bytes
    ended: int = 0

    @property
    def file_name(self) -> str:
        """The name of its file: another pair has another name."""
        return f"{hashlib.sha256(self.pem).hexdigest()[:16]}.pem"

    def expires_soon(self, now: datetime) -> bool:
        return self.until - now < SOON

    def __str__(self) -> str:
        return f"{', '.join(self.names) or 'no name'} until {self.until:%Y-%m-%d}"


def load(certificate: Path, key: Path, now: datetime) -> Certificate:
    """Raises Refused with the file, its problem and the mend. An expired one is loaded: see `check_time`."""
    chain = _chain(certificate)
    private = _private_key(key)
    _check_pair(certificate, key, chain, private)
    _check_order(certificate, chain)
    _check_begin(certificate, chain[0], now)
    ended = next((number for number, each in enumerate(chain[1:], 2) if each.not_valid_after_utc <= now), 0)
    return Certificate(_names(chain[0]), chain[0].not_valid_after_utc, _pem(private, chain), ended)


def check_time(certificate: Path, found: Certificate, now: datetime) -> None:
    """Raises Refused if the certificate, which is in the file `certificate`, has expired."""
    if found.until <= now:
        raise Refused(f"{certificate} expired on {found.until:%Y-%m-%d}", "no browser takes it", "renew it")


def _chain(path: Path) -> "list[x509.Certificate]":
    from cryptography import x509

    data = _read(path, "the certificate")
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        why = "it is a private key" if b"PRIVATE KEY" in data else str(error)
        raise Refused(f"{path} holds no certificate in PEM", why, "edit bgctl.toml") from None


def _private_key(path: Path) -> "PrivateKeyTypes":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read(path, "the private key")
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:
        mend = f"openssl pkey -in {path} -out NEW, and name NEW in bgctl.toml"
        raise Refused(f"{path} is encrypted", "nobody is there to type its password", mend) from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused(f"{path} holds no private key in PEM", str(error), "edit bgctl.toml") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Refused(f"{path} is a {type(key).__name__}", "browsers take RSA and EC keys", "make another")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < SHORTEST_RSA:
        why = f"browsers want {SHORTEST_RSA} at least"
        raise Refused(f"{path} is an RSA key of {key.key_size} bits", why, "make another")
    return key


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{what} {path} cannot be read", error.strerror or "", "edit bgctl.toml") from None


def _check_pair(
    path: Path, key_path: Path, chain: "Sequence[x509.Certificate]", key: "PrivateKeyTypes"
) -> None:
    """Raises Refused unless the first certificate of the chain was made for the key."""
    wanted = _bits(key.public_key())
    fits = [_is_for(each, wanted) for each in chain]
    if fits[0]:
        return
    if any(fits):
        why = f"the server's own certificate is number {fits.index(True) + 1} in it, and must be the first"
        raise Refused(f"{path} is in the wrong order", why, "put it first")
    why = "the certificate was made for another key"
    raise Refused(f"{path} and {key_path} do not belong together", why, "name a pair in bgctl.toml")


def _is_for(each: "x509.Certificate", wanted: bytes) -> bool:
    """Whether a certificate was made for the key whose public part is `wanted`."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return _bits(each.public_key()) == wanted
    except (ValueError, UnsupportedAlgorithm):  # an issuer's may be of a kind that is not known here
        return False


def _check_order(path: Path, chain: "Sequence[x509.Certificate]") -> None:
    """Raises Refused unless each certificate of the chain was issued by the next one."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    for number, (each, above) in enumerate(pairwise(chain), 1):
        try:
            each.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            why = f"certificate {number} was not issued by number {number + 1}"
            mend = "put each before the one that issued it"
            raise Refused(f"{path} is in the wrong order, or incomplete", why, mend) from None


def _check_begin(path: Path, own: "x509.Certificate", now: datetime) -> None:
    """Raises Refused if the certificate is not good yet."""
    begin = own.not_valid_before_utc
    if begin > now + SKEW:
        why = f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC"
        raise Refused(f"{path} is good only from {begin:%Y-%m-%d %H:%M} UTC", why, "wait, or set the clock")


def _names(own: "x509.Certificate") -> tuple[str, ...]:
    """Host names and addresses (subjectAltName, which is all that browsers look at)."""
    from cryptography import x509

    try:
        found = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(str(name.value) for name in found if isinstance(name, x509.DNSName | x509.IPAddress))


def _bits(key: "PublicKeyTypes") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _pem(key: "PrivateKeyTypes", chain: "Sequence[x509.Certificate]") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return own + b"".join(each.public_bytes(Encoding.PEM) for each in chain)
