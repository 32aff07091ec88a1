"""The clients of the benchmark: their headers, as scripts for wrk."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from testbed.project import Project
from tests.bench import load
from tests.bench.rig import COOKIE

TOKENS = 2000
HTML = {"Accept": "text/html"}
# What a browser sends beside its cookies with the load of a page.
BROWSER = """\
["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0",
["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8", ["Accept-Encoding"] = "gzip, deflate, br",
["Sec-Fetch-Dest"] = "document", ["Sec-Fetch-Mode"] = "navigate", ["Sec-Fetch-Site"] = "same-origin",
["Sec-Fetch-User"] = "?1", ["Upgrade-Insecure-Requests"] = "1", ["Referer"] = "http://127.0.0.1/other",
["Sec-Ch-Ua"] = '"Chromium";v="140"', ["Sec-Ch-Ua-Mobile"] = "?0", ["Sec-Ch-Ua-Platform"] = '"Linux"',
"""


class Clients:
    """Signs tokens of the project's algorithms, and writes scripts into `folder`."""

    def __init__(self, project: Project, folder: Path, secret: str) -> None:
        self._project, self._folder = project, folder
        self._keys: dict[str, str | bytes] = {
            "HS256": secret,
            "ES256": _es256(project),
            "EdDSA": _own(project),
        }
        (project.directory / "hs256.txt").write_text(secret)
        project.bgctl("keys", "import", "--secret-file", str(project.directory / "hs256.txt"))
        self._kids = {entry["alg"]: entry["kid"] for entry in _ring(project)}
        self._made = 0

    def warm(self, count: int = TOKENS) -> dict[str, Path]:
        """Scripts of `count` clients each, which come again and again."""
        project, tokens = self._project, self.tokens("EdDSA", count)
        cookies = [_jar(project, f"bg_session={token}") for token in tokens]
        return {
            "bearer": self._script("bearer", "Authorization", _bearers(tokens)),
            "hs256": self._script("hs256", "Authorization", _bearers(self.tokens("HS256", count))),
            "cookie": self._script("cookie", "Cookie", cookies),
            "browser": self._script("browser", "Cookie", cookies, more=BROWSER),
            "pin": self._script("pin", "Cookie", [_jar(project) for _ in tokens]),
            "session": self._script(
                "session", "Cookie", [_jar(project, f"{COOKIE}={secrets.token_hex(16)}") for _ in tokens]
            ),
            "anonymous": self._script("anonymous", "X-Nothing", ["1"]),
        }

    def headers(self, name: str) -> list[str]:
        """Those of one client that comes again and again."""
        (token,) = self.tokens("EdDSA" if name != "hs256" else "HS256", 1)
        cookies = {"cookie": f"bg_session={token}", "pin": "", "session": f"{COOKIE}={secrets.token_hex(16)}"}
        if name in cookies:
            return [f"Cookie: {_jar(self._project, cookies[name])}"]
        return [f"Authorization: Bearer {token}"]

    def many(self, name: str, algorithm: str, count: int) -> Path:
        """So many bearers of tokens."""
        return self._script(name, "Authorization", _bearers(self.tokens(algorithm, count)))

    def cold(self, algorithm: str, count: int) -> Path:
        """Bearers of tokens that nobody has seen."""
        self._made += 1
        return self.many(f"cold-{self._made}", algorithm, count)

    def refused(self, count: int) -> Path:
        """Tokens whose signature is another one's."""
        self._made += 1
        tokens = self.tokens("HS256", count)
        wrong = [
            f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}"
            for token, other in zip(tokens, tokens[1:] + tokens[:1], strict=True)
        ]
        return self._script(f"refused-{self._made}", "Authorization", _bearers(wrong))

    def tokens(self, algorithm: str, count: int) -> list[str]:
        now, key, headers = int(time.time()), self._keys[algorithm], {"kid": self._kids[algorithm]}
        claims = {"iss": "bgctl", "iat": now, "exp": now + 86400, "deploymentVersion": self._project.version}
        claims |= {"deploymentGeneration": self._project.state()["generation"]}
        names = (secrets.token_urlsafe(16) for _ in range(count))
        return [
            jwt.encode({**claims, "sub": f"u-{name}", "sid": name}, key, algorithm, headers) for name in names
        ]

    def _script(self, name: str, header: str, values: list[str], more: str = "") -> Path:
        return load.script(self._folder / f"{name}.lua", header, values, more)


def _bearers(tokens: list[str]) -> list[str]:
    return [f"Bearer {token}" for token in tokens]


def _ring(project: Project) -> list[dict[str, str]]:
    ring = json.loads((project.directory / "keys" / "verify" / "keyring.json").read_text())
    keys: list[dict[str, str]] = ring["keys"]
    return keys


def _own(project: Project) -> str:
    """The private key with which the project's session API signs."""
    kid = _ring(project)[0]["kid"]
    return (project.directory / "keys" / "signing" / f"{kid}.pem").read_text()


def _es256(project: Project) -> bytes:
    """A private key whose public one the project believes from now on."""
    key = ec.generate_private_key(ec.SECP256R1())
    file = project.directory / "es256.pem"
    file.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    project.bgctl("keys", "import", "--public-key-file", str(file))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _jar(project: Project, cookie: str = "") -> str:
    """What a browser with this cookie sends after its first answer."""
    headers = HTML | ({"Cookie": cookie} if cookie else {})
    pin = requests.get(f"{project.plain_url}/", headers=headers, timeout=5).cookies["bg_pin"]
    return "; ".join(filter(None, (cookie, f"bg_pin={pin}")))
