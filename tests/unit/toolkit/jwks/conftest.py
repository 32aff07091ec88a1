"""JWK Sets as providers give them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "Ed448": ed448.Ed448PrivateKey.generate(),
}


def jwk_of(key: Any, **members: Any) -> dict[str, Any]:
    """As PyJWT writes it, with these members; None takes one out."""
    kinds: dict[type, str] = {rsa.RSAPublicKey: "RS256", ec.EllipticCurvePublicKey: "ES256"}
    alg = next((alg for kind, alg in kinds.items() if isinstance(key, kind)), "EdDSA")
    described: dict[str, Any] = jwt.get_algorithm_by_name(alg).to_jwk(key, as_dict=True)
    described.pop("key_ops", None)
    described |= {"use": "sig", **members}
    return {name: value for name, value in described.items() if value is not None}


@pytest.fixture
def jwk() -> Callable[..., dict[str, Any]]:
    """Makes the public JWK of the key for an algorithm."""

    def make(of: str = "RS256", /, **members: Any) -> dict[str, Any]:
        return jwk_of(PRIVATE[of].public_key(), **members)

    return make


def text(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()
