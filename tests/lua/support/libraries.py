"""Tokens as real libraries make them: PyJWT, authlib, joserfc, and of Node jsonwebtoken and jose."""

from __future__ import annotations

import json
import subprocess
import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jwk, jws

# authlib says that joserfc comes after it; apps have it all the same.
with warnings.catch_warnings(record=True, action="ignore"):
    from authlib.jose import JsonWebKey, JsonWebSignature  # type: ignore[import-untyped]

NODE = Path(__file__).parents[2] / "cases" / "tokens" / "node"
PYTHON_LIBRARIES = ("PyJWT", "authlib", "joserfc")
NODE_LIBRARIES = ("jsonwebtoken", "jose")
OF_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
# What each does not make, or not with its defaults.
NOT_MADE = {"authlib": ("EdDSA",), "jsonwebtoken": ("EdDSA",)}


@cache
def private_keys() -> dict[str, dict[str, Any]]:
    """A private JWK for each algorithm."""
    one = rsa.generate_private_key(65537, 2048)
    made: dict[str, Any] = {
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "ES384": ec.generate_private_key(ec.SECP384R1()),
        "ES512": ec.generate_private_key(ec.SECP521R1()),
        "RS256": rsa.generate_private_key(65537, 3072),
        **dict.fromkeys(OF_RSA[1:], one),
        **{f"HS{bits}": f"the secret of {bits} bits ".encode() * 4 for bits in (256, 384, 512)},
    }
    return {alg: _jwk(alg, key) for alg, key in made.items()}


def _jwk(alg: str, key: Any) -> dict[str, Any]:
    described: dict[str, Any] = jwt.get_algorithm_by_name(alg).to_jwk(key, as_dict=True)
    return {name: value for name, value in described.items() if name != "key_ops"}


def public_jwk(alg: str) -> dict[str, Any]:
    private = ("d", "p", "q", "dp", "dq", "qi")
    return {name: value for name, value in private_keys()[alg].items() if name not in private}


def makes(library: str, alg: str) -> bool:
    return alg not in NOT_MADE.get(library, ())


def secret_of(jwk: dict[str, Any]) -> bytes:
    return jwt.utils.base64url_decode(jwk["k"])


def make(library: str, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token, signed with the key for the header's `alg`."""
    alg = header["alg"]
    if library == "PyJWT":
        more = {name: value for name, value in header.items() if name != "alg"}
        try:
            return jwt.encode(claims, _of_pyjwt(alg), alg, more)
        except TypeError:  # it looks at some claims
            return jwt.PyJWS().encode(json.dumps(claims).encode(), _of_pyjwt(alg), alg, more)
    payload = json.dumps(claims).encode()
    with warnings.catch_warnings(record=True, action="ignore"):  # joserfc says so of EdDSA
        if library == "authlib":
            return str(JsonWebSignature().serialize_compact(header, payload, _of_authlib(alg)).decode())
        return str(jws.serialize_compact(header, payload, _of_joserfc(alg), algorithms=[alg]))


@cache
def _of_pyjwt(alg: str) -> Any:
    return jwt.get_algorithm_by_name(alg).from_jwk(private_keys()[alg])


@cache
def _of_authlib(alg: str) -> Any:
    with warnings.catch_warnings(record=True, action="ignore"):
        return JsonWebKey.import_key(private_keys()[alg])


@cache
def _of_joserfc(alg: str) -> Any:
    return jwk.import_key(private_keys()[alg])


def ask_node(folder: Path, wanted: Iterable[dict[str, Any]]) -> list[str]:
    """The tokens that Node's libraries make, for `{library, alg, kid, claims, key}` each."""
    lines = "\n".join(json.dumps(each) for each in wanted)
    command = ["node", str(folder / "make.mjs")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()
