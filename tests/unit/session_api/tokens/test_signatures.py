"""Signatures: one algorithm for each key, whatever the header says."""

import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from session_api.tokens.tokens import Tokens
from tests.unit.session_api.support.data import ALGORITHMS, b64, claims
from tests.unit.session_api.support.forge import Forge, reason, unb64

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # the order of P-256


@pytest.mark.threat(1)
@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"alg": "none"}, "alg"),
        ({"alg": "NONE"}, "alg"),
        ({"alg": None}, "alg"),
        ({"alg": 1}, "alg"),
        ({"alg": ["EdDSA"]}, "alg"),
        ({"alg": "HS256"}, "alg"),
        ({"alg": "eddsa"}, "alg"),
    ],
)
def test_1_alg_is_exactly_the_keys(tokens: Tokens, forge: Forge, header: Any, why: str) -> None:
    assert reason(tokens, forge.token(header, claims())) == why


@pytest.mark.threat(1)
def test_1_alg_none_without_a_signature(tokens: Tokens, forge: Forge) -> None:
    kid = forge.keys["EdDSA"].kid
    for header in ({"alg": "none", "kid": kid}, {"kid": kid}):
        assert reason(tokens, f"{b64(header)}.{b64(claims())}.") == "malformed"
        assert reason(tokens, f"{b64(header)}.{b64(claims())}.AA") == "alg"


@pytest.mark.threat(2)
@pytest.mark.parametrize("alg", ["EdDSA", "ES256", "RS256"])
def test_2_a_public_key_is_no_hmac_secret(tokens: Tokens, forge: Forge, all_keys: Any, alg: str) -> None:
    pem = (all_keys / "verify" / f"{forge.keys[alg].kid}.pem").read_bytes()
    body = f"{b64({'alg': 'HS256', 'kid': forge.keys[alg].kid})}.{b64(claims())}"
    signature = hmac.digest(pem, body.encode(), "sha256")
    assert reason(tokens, f"{body}.{b64(signature)}") == "alg"


@pytest.mark.threat(6)
@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"b64": True}, {"crit": None}]
)
def test_6_extensions(tokens: Tokens, forge: Forge, header: Any) -> None:
    assert reason(tokens, forge.token(header, claims())) == "crit"


@pytest.mark.threat(7)
def test_7_es256_signatures(tokens: Tokens, forge: Forge) -> None:
    good = forge.token({}, claims(), "ES256")
    body, _, segment = good.rpartition(".")
    raw = unb64(segment)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    public = forge.keys["ES256"].public
    assert isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)
    der = encode_dss_signature(r, s)
    assert decode_dss_signature(der) == (r, s)

    def pair(first: int, second: int) -> bytes:
        return first.to_bytes(32, "big") + second.to_bytes(32, "big")

    wrong = [
        pair(0, s),
        pair(r, 0),
        pair(0, 0),
        pair(N, s),
        pair(r, N),
        pair(N, N),
        pair(s, r),
        der,
        raw[:-1],
    ]
    wrong += [raw + b"\0", b"\0" + raw, raw[:32], b"\0" * 64, b"\xff" * 64]
    for signature in wrong:
        assert reason(tokens, f"{body}.{b64(signature)}") == "signature", signature.hex()
    assert reason(tokens, f"{body}.{b64(pair(r, s))}") is None


@pytest.mark.threat(8)
def test_8_rsa_padding(tokens: Tokens, forge: Forge) -> None:
    body, _, segment = forge.token({}, claims(), "RS256").rpartition(".")
    raw = unb64(segment)
    edits = [raw[:-1], raw + b"\0", b"\0" + raw, raw[1:], b"\0" * len(raw), b"\xff" * len(raw)]
    edits += [raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :] for i in (0, 1, 100, -1 % len(raw))]
    for signature in edits:
        assert reason(tokens, f"{body}.{b64(signature)}") == "signature"


@pytest.mark.threat(9)
@pytest.mark.parametrize("length", [1, 16, 31])
def test_9_a_truncated_tag(tokens: Tokens, forge: Forge, length: int) -> None:
    body, _, segment = forge.token({}, claims(), "HS256").rpartition(".")
    tag = unb64(segment)
    assert len(tag) == 32
    assert reason(tokens, f"{body}.{b64(tag[:length])}") == "signature"


@given(st.sampled_from(ALGORITHMS), st.integers(0, 400), st.characters(codec="ascii"))
def test_a_changed_character_is_noticed(
    tokens: Tokens, forge: Forge, alg: str, position: int, character: str
) -> None:
    token = forge.token({}, claims(), alg)
    position %= len(token)
    if token[position] != character:
        assert reason(tokens, token[:position] + character + token[position + 1 :]) is not None
