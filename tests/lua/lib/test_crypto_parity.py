"""The proxy and the session API take the same key files, and no others (threats 8 and 9)."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from session_api.keys import algorithms

PEM, DER = Encoding.PEM, Encoding.DER
SPKI = PublicFormat.SubjectPublicKeyInfo
RSA_ENCRYPTION = bytes.fromhex("300d06092a864886f70d0101010500")
N = rsa.generate_private_key(65537, 2048).public_key().public_numbers().n
P256 = ec.generate_private_key(ec.SECP256R1())
P384, P521 = (ec.generate_private_key(curve()) for curve in (ec.SECP384R1, ec.SECP521R1))
ED = ed25519.Ed25519PrivateKey.generate()


def der(tag: int, body: bytes) -> bytes:
    size = len(body)
    long = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([size]) if size < 128 else bytes([0x80 | len(long)]) + long) + body


def integer(value: int) -> bytes:
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def pem(body: bytes, label: str = "PUBLIC KEY") -> bytes:
    text = base64.encodebytes(body).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n".encode()


def spki(algorithm: bytes, key: bytes) -> bytes:
    return der(0x30, algorithm + der(3, b"\0" + key))


def rsa_file(n: int, e: int, algorithm: bytes = RSA_ENCRYPTION) -> bytes:
    return pem(spki(algorithm, der(0x30, integer(n) + integer(e))))


def modulus(bits: int) -> int:
    """An odd number of so many bits; nobody asks for its factors."""
    return (1 << (bits - 1)) | (N >> 64 << 1) % (1 << (bits - 1)) | 1


def public(key: Any, encoding: Encoding = PEM, form: PublicFormat = SPKI) -> bytes:
    return bytes(key.public_key().public_bytes(encoding, form))


def explicit_p256() -> bytes:
    """The curve told by its numbers, and not by its name."""
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    g = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    g += "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    field = der(0x30, der(6, bytes.fromhex("2a8648ce3d0101")) + integer(p))
    curve = der(0x30, der(4, (p - 3).to_bytes(32, "big")) + der(4, b.to_bytes(32, "big")))
    numbers = [integer(1), field, curve, der(4, bytes.fromhex(g)), integer(order), integer(1)]
    algorithm = der(0x30, der(6, bytes.fromhex("2a8648ce3d0201")) + der(0x30, b"".join(numbers)))
    return pem(spki(algorithm, public(P256, Encoding.X962, PublicFormat.UncompressedPoint)))


def compressed(key: Any, first: int, last: int) -> bytes:
    """The key with its point compressed; its curve's name is in these bytes of the usual form."""
    return pem(spki(public(key, DER)[first:last], public(key, Encoding.X962, PublicFormat.CompressedPoint)))


ED_DER, P256_DER = public(ED, DER), public(P256, DER)
EC_NAMED = P256_DER[2:23]
GOOD = public(ED)
FILES = {
    # exponents: RFC 8017, section 3.1, has them odd and from 3 on
    **{f"RSA e={e}": rsa_file(N, e) for e in (0, 1, 2, 3, 4, 5, 17, 65536, 65537)},
    **{f"RSA e=n{d}": rsa_file(N, N + d) for d in (-2, -1, 0, 2)},
    **{f"RSA e of {bits} bits": rsa_file(N, (1 << (bits - 1)) + 1) for bits in (32, 33, 64, 65, 256, 257)},
    # moduli
    **{f"RSA of {bits}": rsa_file(modulus(bits), 65537) for bits in (512, 2041, 2047, 2048, 2049, 4095)},
    **{f"RSA of {bits}": rsa_file(modulus(bits), 3) for bits in (3073, 16384, 16385)},
    "RSA of an even modulus": rsa_file(N - 1, 65537),
    "RSA of a negative modulus": pem(
        spki(RSA_ENCRYPTION, der(0x30, der(2, N.to_bytes(256, "big")) + integer(3)))
    ),
    # other names and encodings of a key
    "RSA, no parameters": rsa_file(N, 65537, bytes.fromhex("300b06092a864886f70d010101")),
    "RSA for PSS": rsa_file(N, 65537, bytes.fromhex("300b06092a864886f70d01010a")),
    "RSA, PKCS 1": pem(der(0x30, integer(N) + integer(65537)), "RSA PUBLIC KEY"),
    "RSA, a longer integer": pem(
        spki(RSA_ENCRYPTION, der(0x30, der(2, b"\0\0" + N.to_bytes(256, "big")) + integer(65537)))
    ),
    "P-256": public(P256),
    "P-256, compressed": pem(spki(EC_NAMED, public(P256, Encoding.X962, PublicFormat.CompressedPoint))),
    "P-256, hybrid": pem(P256_DER[:26] + bytes([6 | P256_DER[-1] & 1]) + P256_DER[27:]),
    "P-256, at infinity": pem(spki(EC_NAMED, b"\0")),
    "P-256, off the curve": pem(P256_DER[:-1] + bytes([P256_DER[-1] ^ 1])),
    "P-256, explicit": explicit_p256(),
    "P-384": public(P384),
    "P-384, compressed": compressed(P384, 2, 20),
    "P-521": public(P521),
    "P-521, compressed": compressed(P521, 3, 21),
    "P-521, off the curve": pem(public(P521, DER)[:-1] + bytes([public(P521, DER)[-1] ^ 1])),
    "secp256k1": public(ec.generate_private_key(ec.SECP256K1())),
    "Ed25519": GOOD,
    "Ed25519, all zero": pem(ED_DER[:12] + bytes(32)),
    "Ed25519, all ones": pem(ED_DER[:12] + b"\xff" * 32),
    "Ed25519, with parameters": pem(spki(bytes.fromhex("300706032b65700500"), ED_DER[12:])),
    "Ed25519, a byte short": pem(spki(ED_DER[2:9], ED_DER[12:43])),
    "Ed25519, a byte long": pem(spki(ED_DER[2:9], ED_DER[12:] + b"\0")),
    "Ed25519, and more after it": pem(ED_DER + b"\0"),
    "Ed25519, of unused bits": pem(ED_DER[:11] + b"\1" + ED_DER[12:]),
    "Ed25519, a long length": pem(b"\x30\x81\x2a" + ED_DER[2:]),
    "Ed448": public(ed448.Ed448PrivateKey.generate()),
    "X25519": public(x25519.X25519PrivateKey.generate()),
    "DSA": public(dsa.generate_private_key(2048)),
    # the text around it
    "private": ED.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption()),
    "DER": ED_DER,
    "empty": b"",
    "words before it": b"Subject: shop\n" + GOOD,
    "words after it": GOOD + b"\nshop\n",
    "two": GOOD + public(P256),
    "two, the first broken": GOOD.replace(b"MCow", b"M!ow") + GOOD,
    "CRLF": GOOD.replace(b"\n", b"\r\n"),
    "no line end": GOOD.rstrip(b"\n"),
    "more line ends": GOOD + b"\n\r\n\n",
    "on one line": GOOD.replace(b"\n", b""),
    "blanks": GOOD.replace(b"MCow", b" MC\tow"),
    "a header": GOOD.replace(b"KEY-----\nMC", b"KEY-----\nProc-Type: 4\n\nMC"),
    "without padding": GOOD.replace(b"=", b""),
    "more padding": GOOD.replace(b"\n-----END", b"====\n-----END"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "a NUL": GOOD.replace(b"MCow", b"MC\0ow"),
    "another label": GOOD.replace(b"PUBLIC KEY", b"CERTIFICATE"),
    "no end": GOOD.partition(b"-----END")[0],
    # secrets
    **{f"secret of {size}": b"s" * size for size in (0, 1, 31, 32, 33, 47, 48, 63, 64, 5000)},
    "31, and line ends": b"s" * 31 + b"\r\n\n",
    "32, and line ends": b"s" * 32 + b"\r\n\n\r",
    "31, and a blank": b"s" * 31 + b" ",
    "secret of any bytes": bytes(range(256)),
    "secret of NULs": bytes(32),
    "secret of line ends": b"\n" * 40,
}


def verdicts(lua, algorithm: str, content: bytes, folder) -> tuple[bool, bool]:
    """Whether the proxy and the session API take this file for a key of `algorithm`."""
    path = folder / "key"
    path.write_bytes(content)
    read = lua.module("lib.files")[b"secret" if algorithm in algorithms.SECRET_BYTES else b"read"]
    text = read(bytes(path))
    taken = lua.module("lib.crypto")[b"key"](algorithm.encode(), text[0] if isinstance(text, tuple) else text)
    try:
        algorithms.public_key(algorithm, content)
    except ValueError:
        return not isinstance(taken, tuple), False
    return not isinstance(taken, tuple), True


@pytest.mark.threat(8)
@pytest.mark.parametrize("name", FILES)
def test_08_both_take_the_same_key_files(lua, tmp_path, name):
    for algorithm in algorithms.ALGORITHMS:
        proxy, api = verdicts(lua, algorithm, FILES[name], tmp_path)
        assert proxy is api, algorithm


@pytest.mark.threat(8)
@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        *[(f"RSA e={e}", "RS256") for e in (3, 5, 17, 65537)],
        *[(f"RSA of {bits}", "RS256") for bits in (2048, 2049, 4095, 3073, 16384)],
        *[("P-256", "ES256"), ("Ed25519", "EdDSA"), ("CRLF", "EdDSA"), ("words before it", "EdDSA")],
        *[("no line end", "EdDSA"), ("secret of 32", "HS256"), ("32, and line ends", "HS256")],
        *[("P-384", "ES384"), ("P-521", "ES512"), ("Ed448", "EdDSA")],
        *[("RSA of 2048", alg) for alg in algorithms.OF_RSA],
        *[("secret of 48", "HS384"), ("secret of 64", "HS512")],
    ],
)
def test_08_what_is_fit_is_taken(lua, tmp_path, name, algorithm):
    assert verdicts(lua, algorithm, FILES[name], tmp_path) == (True, True)


@pytest.mark.threat(9)
@pytest.mark.parametrize(("size", "algorithm"), [(31, "HS256"), (47, "HS384"), (63, "HS512")])
def test_09_a_secret_is_as_long_as_its_digest(lua, tmp_path, size, algorithm):
    assert verdicts(lua, algorithm, b"s" * size, tmp_path) == (False, False)


@pytest.mark.threat(8)
@pytest.mark.parametrize("e", ["0", "1", "2", "4", "65536", "n-1", "n0", "n2", " of 65 bits"])
def test_08_an_rsa_exponent_is_odd_and_from_3_on(lua, tmp_path, e):
    name = f"RSA e{e}" if e.startswith(" ") else f"RSA e={e}"
    assert verdicts(lua, "RS256", FILES[name], tmp_path) == (False, False)


DAMAGED = {
    "RSA e=65537": "PS384",
    "P-256": "ES256",
    "P-384": "ES384",
    "P-521": "ES512",
    "Ed25519": "EdDSA",
    "Ed448": "EdDSA",
}


@pytest.mark.threat(8)
@settings(max_examples=300)
@given(st.sampled_from(sorted(DAMAGED)), st.data())
def test_08_one_verdict_on_every_damaged_key(lua, tmp_path_factory, name, data):
    lines = FILES[name].split(b"\n")
    body = bytearray(base64.b64decode(b"".join(lines[1:-2])))
    at = data.draw(st.integers(0, min(len(body), 300) - 1))
    body[at] = data.draw(st.integers(0, 255))
    proxy, api = verdicts(lua, DAMAGED[name], pem(bytes(body)), tmp_path_factory.getbasetemp())
    assert proxy is api
