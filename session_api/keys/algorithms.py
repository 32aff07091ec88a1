"""The signature algorithms (RFC 7518, 3.1; RFC 8037), and what makes a key unfit for its algorithm.

The proxy has the same list (lua/bg/lib/algorithms.lua).
"""

import base64
import re
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
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

OF_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
ALGORITHMS = ("EdDSA", "ES256", "ES384", "ES512", *OF_RSA, "HS256", "HS384", "HS512")
SIGNING = ("EdDSA", "ES256", "RS256", "HS256")  # those with which we sign
# RFC 7518, section 3.2: a secret is at least as long as the digest.
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
# With a larger modulus, or a longer exponent, OpenSSL verifies no signature.
MIN_RSA_BITS, MAX_RSA_BITS, MAX_EXPONENT_BITS = 2048, 16384, 64
PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----\r?\n([A-Za-z0-9+/=\s]*)-----END PUBLIC KEY-----")

AsymmetricKey = Ed25519PublicKey | Ed448PublicKey | EllipticCurvePublicKey | RSAPublicKey
PublicKey = AsymmetricKey | bytes
PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey | bytes
T = TypeVar("T")


class Curve(NamedTuple):
    """A curve, and what a key on it looks like (RFC 5480, 2.2).

    `size` is the length of a key whose point is written out, and `point` is where the point begins with a 4.
    """

    name: str
    called: str
    size: int
    point: int


CURVES = {
    "ES256": Curve("secp256r1", "P-256", 91, 26),
    "ES384": Curve("secp384r1", "P-384", 120, 23),
    "ES512": Curve("secp521r1", "P-521", 158, 25),
}


def suffix(alg: str) -> str:
    """The ending of a key file's name."""
    return ".secret" if alg in SECRET_BYTES else ".pem"


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

    `takes_short`: accept a secret that is shorter than the algorithm demands.
    """
    if alg in SECRET_BYTES:
        return _fit_secret(alg, content.rstrip(b"\r\n"), takes_short)
    der = _der(content)
    key = _fit(alg, _parse(load_der_public_key, der), der)
    # The proxy reads this file, too, with another library: only the one encoding that both read is good.
    if spki(key) != der:
        raise ValueError("is not a public key as OpenSSL writes it")
    return key


def of_public_key(content: bytes) -> tuple[str, ...]:
    """The algorithms that a public key in PEM is for, the usual one first.

    Raises ValueError saying why it is for none.
    """
    key = _parse(load_der_public_key, _der(content))
    fitting = usual(key)
    public_key(fitting[0], content)
    return fitting


def usual(key: object) -> tuple[str, ...]:
    """The algorithms for a key of this kind, the usual one first. Raises ValueError if there are none."""
    match key:
        case Ed25519PublicKey() | Ed448PublicKey():
            return ("EdDSA",)
        case RSAPublicKey():
            return OF_RSA
        case EllipticCurvePublicKey():
            for alg, curve in CURVES.items():
                if curve.name == key.curve.name:
                    return (alg,)
            raise ValueError(f"is on the curve {key.curve.name}, which no algorithm here is for")
    raise ValueError("is not a key for EdDSA, ECDSA or RSA")


def spki(key: AsymmetricKey) -> bytes:
    """A public key's bytes as OpenSSL writes them (SubjectPublicKeyInfo in DER)."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def private_key(alg: str, content: bytes) -> PrivateKey:
    """The half of a key that signs, from a file's content. Raises ValueError if it is unfit for `alg`."""
    if alg in SECRET_BYTES:
        return content.rstrip(b"\r\n")
    key = _parse(lambda pem: load_pem_private_key(pem, password=None), content)
    if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey):
        raise ValueError(f"is not a private key for {alg}")  # noqa: TRY004  # a bad file, not a bad call
    return key


def digest(public: AsymmetricKey) -> str:
    """A short name of a public key: 128 bits of the SHA-256 of its SPKI."""
    return sha256(spki(public)).hexdigest()[:32]


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


def _fit_secret(alg: str, key: bytes, takes_short: bool) -> bytes:
    least = 1 if takes_short else SECRET_BYTES[alg]
    if b"-----BEGIN " in key:
        raise ValueError(f"holds a PEM key where {alg} needs a secret")
    if len(key) < least:
        raise ValueError(f"is a secret of {len(key)} bytes; {alg} needs at least {least}")
    return key


def _fit(alg: str, key: object, der: bytes) -> AsymmetricKey:
    match key:
        case Ed25519PublicKey() | Ed448PublicKey() if alg == "EdDSA":
            return key
        case EllipticCurvePublicKey() if alg in CURVES:
            return _fit_point(alg, key, der)
        case RSAPublicKey() if alg in OF_RSA:
            return _fit_numbers(key)
    raise ValueError(f"is not a key for {alg}")


def _fit_point(alg: str, key: EllipticCurvePublicKey, der: bytes) -> EllipticCurvePublicKey:
    curve = CURVES[alg]
    if key.curve.name != curve.name:
        raise ValueError(f"is on the curve {key.curve.name}; {alg} needs {curve.called}")
    if len(der) != curve.size or der[curve.point] != 4:
        raise ValueError(f"is a {curve.called} key whose point is not written out")
    return key


def _fit_numbers(key: RSAPublicKey) -> RSAPublicKey:
    numbers = key.public_numbers()
    bits = numbers.n.bit_length()
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS or not numbers.n % 2:
        what = f"an odd modulus of {MIN_RSA_BITS} to {MAX_RSA_BITS} is needed"
        raise ValueError(f"is an RSA key of {bits} bits; {what}")
    # RFC 8017, section 3.1: at least 3; and only an odd exponent has an inverse.
    if numbers.e < 3 or not numbers.e % 2 or numbers.e.bit_length() > MAX_EXPONENT_BITS:
        raise ValueError("is an RSA key whose exponent is not an odd number from 3 on, of 64 bits at most")
    return key
