"""Tokens of real libraries, in the shapes that providers give theirs: one verdict in both programs.

BGCTL_TOKENS is how many are made (`make tokens`); BGCTL_NODE, a folder with Node's libraries, has them make
some of these. Without it, those are taken that they made for tests/cases/tokens/node.json.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from session_api.keys import app_keys, issuer_keys, signing_keys
from session_api.keys.issuer_keys import IssuerKey, Source
from session_api.sessions import names
from tests.lua.support import libraries, shapes
from tests.lua.support.both import Both
from tests.unit.session_api.support.data import NOW
from toolkit.jwks import key_set

pytestmark = pytest.mark.whole

TOKENS = int(os.environ.get("BGCTL_TOKENS", "2000"))
NODE = os.environ.get("BGCTL_NODE")
KEPT = json.loads((libraries.NODE.parent / "node.json").read_text())
CLAIMS = ("deploymentVersion", "https://shop.example/version", "app_metadata.version")
ALGORITHMS = tuple(libraries.private_keys())


def ring(directory: Path, keys: dict[str, dict[str, Any]]) -> None:
    """Keys for these public JWKs, by their algorithm: secrets are imported, the others are a provider's."""
    signing_keys.create(directory, now=NOW - 60)
    found: list[key_set.Found] = []
    for alg, jwk in keys.items():
        if jwk["kty"] == "oct":
            secret = libraries.secret_of(jwk)
            app_keys.trust(directory, alg, secret, kid=alg, now=NOW - 60)
        else:
            listed = json.dumps({"keys": [{**jwk, "alg": alg, "kid": alg}]}).encode()
            found += key_set.read(listed, "RS256").keys
    seen = datetime.fromtimestamp(NOW - 60, UTC)
    made = [IssuerKey(key.alg, key.public, seen, key.kid) for key in found]
    free = [key for key in made if key.alg not in ("RS384", "ES384")]
    bound = [key for key in made if key.alg in ("RS384", "ES384")]
    issuer_keys.write(
        directory,
        [Source("idp", free), Source("strict", bound, issuer="https://idp/", audience="shop")],
        None,
    )


@pytest.fixture(scope="module")
def both(lua, tmp_path_factory) -> dict[str, Both]:
    """By the claim of the version."""
    directory = tmp_path_factory.mktemp("libraries") / "keys"
    ring(directory, {alg: libraries.public_jwk(alg) for alg in ALGORITHMS})
    return {claim: Both(lua, directory, claim) for claim in CLAIMS}


class Draw:
    """One token: which library makes it of which claims, and what is done to it."""

    def __init__(self, number: int) -> None:
        random = Random(number)
        self.random = random
        self.shape = random.choice(shapes.SHAPES)(random)
        self.alg = random.choice(ALGORITHMS)
        self.claims = dict(self.shape.claims) if random.random() < 0.7 else self.shape.without_version()
        if self.alg in ("RS384", "ES384") and random.random() < 0.8:
            self.claims |= {"iss": "https://idp/", "aud": random.choice(["shop", ["x", "shop"]])}
        self.kid = random.choice([self.alg, self.alg, None, random.choice(ALGORITHMS), "unknown", ""])
        is_nodes = NODE is not None and random.random() < 0.3 and self.kid != ""
        if random.random() < 0.3 and not is_nodes:  # which makes no token of claims that make no sense
            self.claims = shapes.damaged(random, self.claims)
        every = libraries.NODE_LIBRARIES if is_nodes else libraries.PYTHON_LIBRARIES
        self.library = random.choice([each for each in every if libraries.makes(each, self.alg)])

    @property
    def header(self) -> dict[str, Any]:
        more = {"typ": self.random.choice(["JWT", "at+jwt"])} if self.random.random() < 0.5 else {}
        return {"alg": self.alg, **({} if self.kid is None else {"kid": self.kid}), **more}

    @property
    def order(self) -> dict[str, Any]:
        """What Node is asked for."""
        key = libraries.private_keys()[self.alg]
        return {"library": self.library, "alg": self.alg, "kid": self.kid, "claims": self.claims, "key": key}

    def edited(self, token: str) -> str:
        """The token, in one case of four with a character that is another, too many, or not there."""
        if self.random.random() > 0.25:
            return token
        at = self.random.randrange(len(token))
        return token[:at] + self.random.choice(["", "A", "_", "=", ".", "é", " "]) + token[at + 1 :]


def tokens() -> list[tuple[Draw, str]]:
    draws = [Draw(number) for number in range(TOKENS)]
    ordered = [draw for draw in draws if draw.library in libraries.NODE_LIBRARIES]
    said = libraries.ask_node(Path(NODE), [draw.order for draw in ordered]) if NODE else []
    made = dict(zip(map(id, ordered), said, strict=True))
    return [
        (draw, draw.edited(made.get(id(draw)) or libraries.make(draw.library, draw.header, draw.claims)))
        for draw in draws
    ]


@pytest.mark.threat(10)
def test_10_proxy_and_session_api_agree_on_every_token_of_every_library(both):
    verdicts: Counter[str] = Counter()
    for draw, token in tokens():
        here = both[draw.shape.claim]
        said = here.proxy(token)
        assert said == here.api(token), (draw.library, draw.alg, draw.kid, draw.claims, token)
        verdicts[said if isinstance(said, str) else "used" if said[0] else "used, without a version"] += 1
    assert verdicts["used"] > TOKENS / 6, verdicts
    assert verdicts["used, without a version"] > TOKENS / 20, verdicts
    reasons = {"malformed", "unknown_kid", "alg", "signature", "issuer", "audience", "expired", "claims"}
    assert set(verdicts) > reasons, f"they are refused for every reason: {verdicts}"


@pytest.mark.parametrize("shape", shapes.SHAPES, ids=lambda shape: shape.__name__)
def test_who_it_is_and_which_session(both, shape):
    """As the table of docs/tokens.md says of each provider."""
    for seed in range(20):
        claims, user, session, claim, _ = shape(Random(seed))
        token = libraries.make("PyJWT", {"alg": "RS256", "kid": "RS256"}, claims)
        name = names.session(session, names.user(user), foreign=True)
        assert both[claim].proxy(token) == both[claim].api(token) == ("1.6.7", name, user, None, NOW)


@pytest.mark.parametrize("shape", shapes.SHAPES, ids=lambda shape: shape.__name__)
def test_without_a_version_the_next_token_is_the_same_session(both, shape):
    for seed in range(20):
        random = Random(seed)
        found = shape(random)
        session = names.session(found.lasting, names.user(found.user), foreign=True)
        session += "~" if found.lasting == "user:" else ""
        for claims, issued in ((found.without_version(), NOW), (found.renewed(random), NOW + 240)):
            token = libraries.make("PyJWT", {"alg": "RS256", "kid": "RS256"}, claims)
            here = both[found.claim]
            here.clock.now = NOW + 240
            assert here.proxy(token) == here.api(token) == (None, session, found.user, None, issued)
            here.clock.now = NOW


@pytest.mark.parametrize("number", range(len(KEPT["tokens"])))
def test_what_node_has_made_is_believed(lua, tmp_path_factory, number):
    kept = KEPT["tokens"][number]
    directory = tmp_path_factory.mktemp("node") / "keys"
    ring(directory, {kept["alg"]: KEPT["keys"][kept["alg"]]})
    here = Both(lua, directory, kept["claim"])
    said = here.proxy(kept["token"])
    assert said == here.api(kept["token"])
    assert said[0] == "1.6.7"
    flipped = kept["token"][:-20] + ("A" if kept["token"][-20] != "A" else "B") + kept["token"][-19:]
    assert here.proxy(flipped) == here.api(flipped) == "signature"
