"""The signature algorithms that a key may have, and what makes a key unfit for its algorithm."""

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
    load_pem_private_key,
    load_pem_public_key,
)

ALGORITHMS = ("EdDSA", "ES256", "RS256", "HS256")
MIN_SECRET_BYTES = 32
MIN_RSA_BITS = 2048

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


def public_key(alg: str, content: bytes) -> PublicKey:
    """What verifies, from a file's content. Raises ValueError saying why it is unfit for `alg`."""
    return _fit(alg, content.rstrip(b"\r\n") if alg == "HS256" else _parse(load_pem_public_key, content))


def private_key(alg: str, content: bytes) -> PrivateKey:
    """What signs, from a file's content. Raises ValueError saying why it is unfit for `alg`."""
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


def _fit(alg: str, key: object) -> PublicKey:
    match alg, key:
        case "EdDSA", Ed25519PublicKey():
            return key
        case "ES256", EllipticCurvePublicKey():
            if key.curve.name != SECP256R1.name:
                raise ValueError(f"is on the curve {key.curve.name}; ES256 needs P-256")
            return key
        case "RS256", RSAPublicKey():
            if key.key_size < MIN_RSA_BITS:
                raise ValueError(f"is an RSA key of {key.key_size} bits; at least {MIN_RSA_BITS} are needed")
            if key.public_numbers().e == 1:
                raise ValueError("is an RSA key with exponent 1: anyone can forge its signatures")
            return key
        case "HS256", bytes():
            if b"-----BEGIN " in key:
                raise ValueError("holds a PEM key where HS256 needs a secret")
            if len(key) < MIN_SECRET_BYTES:
                raise ValueError(f"is a secret of {len(key)} bytes; HS256 needs at least {MIN_SECRET_BYTES}")
            return key
    raise ValueError(f"is not a key for {alg}")
