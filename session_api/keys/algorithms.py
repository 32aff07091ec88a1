"""The signature algorithms, and what makes a key unfit for its algorithm."""

import base64
import re
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

ALGORITHMS = ("EdDSA", "ES256", "RS256", "HS256")
MIN_SECRET_BYTES = 32
# With a larger modulus, or a longer exponent, OpenSSL verifies no signature.
MIN_RSA_BITS, MAX_RSA_BITS, MAX_EXPONENT_BITS = 2048, 16384, 64
# The length of a P-256 key with an uncompressed point, and where its point begins with a 4 (RFC 5480, 2.2).
P256_BYTES, P256_POINT = 91, 26
PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----\r?\n([A-Za-z0-9+/=\s]*)-----END PUBLIC KEY-----")

PublicKey = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey | bytes
PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey | bytes
T = TypeVar("T")


def suffix(alg: str) -> str:
    """The ending of a key file's name."""
    return ".secret" if alg == "HS256" else ".pem"


def generate(alg: str) -> tuple[bytes, bytes]:
    """A new key pair for EdDSA, ES256 or RS256: (private PKCS#8 PEM, public SPKI PEM)."""
    key: Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
    match alg:
        case "EdDSA":
            key = Ed25519PrivateKey.generate()
        case "ES256":
            key = generate_private_key(SECP256R1())
        case _:
            key = generate_rsa_key(public_exponent=65537, key_size=3072)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_key(alg: str, content: bytes, *, takes_short: bool = False) -> PublicKey:
    """The half of a key that verifies, from a file's content. Raises ValueError if it is unfit for `alg`.

    `takes_short`: accept a secret that is shorter than HS256 demands.
    """
    if alg == "HS256":
        return _fit_secret(content.rstrip(b"\r\n"), 1 if takes_short else MIN_SECRET_BYTES)
    der = _der(content)
    key = _parse(load_der_public_key, der)
    fit = _fit(alg, key, der)
    # The proxy reads this file, too, with another library: only the one encoding that both read is good.
    if fit.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != der:
        raise ValueError("is not a public key as OpenSSL writes it")
    return fit


def of_public_key(content: bytes) -> str:
    """The algorithm that a public key in PEM is for. Raises ValueError saying why it is for none."""
    reasons = []
    for alg in ALGORITHMS[:3]:
        try:
            public_key(alg, content)
        except ValueError as error:
            reasons.append(str(error))
        else:
            return alg
    raise ValueError(next((reason for reason in reasons if "is not a key for" not in reason), reasons[0]))


def private_key(alg: str, content: bytes) -> PrivateKey:
    """The half of a key that signs, from a file's content. Raises ValueError if it is unfit for `alg`."""
    if alg == "HS256":
        return content.rstrip(b"\r\n")
    key = _parse(lambda pem: load_pem_private_key(pem, password=None), content)
    if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey):
        raise ValueError(f"is not a private key for {alg}")  # noqa: TRY004  # a bad file, not a bad call
    return key


def digest(public: Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey) -> str:
    """A short name of a public key: 128 bits of the SHA-256 of its SPKI."""
    return sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()[:32]


def match(private: PrivateKey, public: PublicKey) -> bool:
    """Whether the two are halves of one key."""
    return private == public if isinstance(private, bytes) else private.public_key() == public


def _parse(load: Callable[[bytes], T], pem: bytes) -> T:
    try:
        return load(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("cannot be read as an unencrypted PEM key") from error


def _der(pem: bytes) -> bytes:
    """The bytes of the first public key in a PEM text (RFC 7468)."""
    found = PEM.search(pem)
    body = b"".join(found[1].split()) if found else b""
    try:
        der = base64.b64decode(body, validate=True)
    except ValueError:
        der = b""
    if not der or base64.b64encode(der) != body:
        raise ValueError("cannot be read as a public key in PEM")
    return der


def _fit_secret(key: bytes, least: int) -> bytes:
    if b"-----BEGIN " in key:
        raise ValueError("holds a PEM key where HS256 needs a secret")
    if len(key) < least:
        raise ValueError(f"is a secret of {len(key)} bytes; HS256 needs at least {least}")
    return key


def _fit(alg: str, key: object, der: bytes) -> Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey:
    match alg, key:
        case "EdDSA", Ed25519PublicKey():
            return key
        case "ES256", EllipticCurvePublicKey():
            if key.curve.name != SECP256R1.name:
                raise ValueError(f"is on the curve {key.curve.name}; ES256 needs P-256")
            if len(der) != P256_BYTES or der[P256_POINT] != 4:
                raise ValueError("is a P-256 key whose point is not written out")
            return key
        case "RS256", RSAPublicKey():
            numbers = key.public_numbers()
            bits = numbers.n.bit_length()
            if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS or not numbers.n % 2:
                what = f"an odd modulus of {MIN_RSA_BITS} to {MAX_RSA_BITS} is needed"
                raise ValueError(f"is an RSA key of {bits} bits; {what}")
            # RFC 8017, section 3.1: at least 3; and only an odd exponent has an inverse.
            if numbers.e < 3 or not numbers.e % 2 or numbers.e.bit_length() > MAX_EXPONENT_BITS:
                raise ValueError(
                    "is an RSA key whose exponent is not an odd number from 3 on, of 64 bits at most"
                )
            return key
    raise ValueError(f"is not a key for {alg}")
