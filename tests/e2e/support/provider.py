"""An identity provider for a stack: its access tokens last five minutes, and say nothing of a version."""

from __future__ import annotations

import json
import re
import time
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from tests.e2e.support.stacks import Stack, eventually

ISSUER, KID = "https://idp/", "one"
COOKIE = "token"  # in which a browser has its token


class Provider:
    """Its keys are known to the stack once this is made."""

    def __init__(self, stack: Stack) -> None:
        self._key = Ed25519PrivateKey.generate()
        public = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        listed = {"keys": [{**public, "kid": KID, "alg": "EdDSA", "use": "sig"}]}
        (stack.directory / "idp.json").write_text(json.dumps(listed))
        path = stack.directory / "bgctl.toml"
        text = path.read_text()
        cookies = f'[tokens]\ncookies = ["{COOKIE}"]'
        with_cookies = re.sub(r"(?m)^\[tokens\]$", cookies, text)
        with_cookies = with_cookies if with_cookies != text else f"{text}\n{cookies}\n"
        path.write_text(f'{with_cookies}\n[jwks.idp]\nfile = "idp.json"\nissuer = "{ISSUER}"\n')
        stack.bgctl("reload")
        stack.bgctl("keys", "refresh")
        eventually(lambda: self._is_believed(stack), "the proxy believes the provider")

    def token(self, user: str, **claims: str) -> str:
        """One more access token of that user, who has been given others before."""
        now = int(time.time())
        said = {"iss": ISSUER, "sub": user, "iat": now, "exp": now + 300, "jti": str(uuid4()), **claims}
        return jwt.encode(said, self._key, "EdDSA", {"kid": KID})

    def _is_believed(self, stack: Stack) -> bool:
        said = stack.ask("explain", stdin=self.token("nobody"))
        return any(row["outcome"] == "no" and "good" in row["why"] for row in said["rules"])
