"""The link of a preview: it carries a token that the proxy accepts until it expires."""

import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from toolkit.config import Config
from toolkit.errors import Refused

PLACE = "/_bgctl/preview"
ISSUER, KID = "bgctl-preview", "preview"  # as lua/bg/tokens/preview_link.lua has them
MAX_PATH = 2048
MIN_SECRET = 32  # bytes


@dataclass(frozen=True)
class Link:
    """`base` is where browsers come; `cookie` is what the link leaves behind, as `name=value`.

    `stem`: what the cookie's name begins with, as lua/bg/lib/settings.lua has it.
    """

    base: str
    token: str
    to: str
    stem: str

    @property
    def url(self) -> str:
        return f"{self.base}{PLACE}?token={self.token}&to={quote(self.to, safe='/')}"

    @property
    def end(self) -> str:
        return f"{self.base}{PLACE}?end"

    @property
    def cookie(self) -> str:
        return f"{self.stem}_preview={self.token}"


def mint(secret: bytes, version: str, generation: int, now: datetime, life: float) -> str:
    """An HS256 token (RFC 7515) that says `version`, as state `generation` has it, for `life` seconds."""
    issued = int(now.timestamp())
    claims: dict[str, object] = {"sid": secrets.token_urlsafe(16), "deploymentVersion": version}
    claims |= {"deploymentGeneration": generation, "iat": issued, "exp": issued + int(life), "iss": ISSUER}
    signed = f"{_encode({'alg': 'HS256', 'kid': KID, 'typ': 'JWT'})}.{_encode(claims)}"
    return f"{signed}.{_base64(hmac.digest(secret, signed.encode(), sha256))}"


def read_secret(path: Path) -> bytes:
    """Raises Refused."""
    try:
        secret = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise Refused(f"{path} cannot be read", error.strerror or str(error), "bgctl up") from None
    if len(secret) < MIN_SECRET:
        raise Refused(f"{path} is too short", f"less than {MIN_SECRET} bytes", "bgctl up")
    return secret


def check_path(to: str) -> str:
    """The path itself. Raises Refused for one that could lead elsewhere, as the proxy would refuse it."""
    printable = all("!" <= letter <= "~" for letter in to)
    if not printable or "\\" in to or not to.startswith("/") or to.startswith("//") or len(to) > MAX_PATH:
        why = "it begins with one /, and is printable ASCII without blanks or \\: write others as %20"
        raise Refused(f"{to!r} is not a path of the site", why, "bgctl preview --to /path")
    return to


def stem(config: Config) -> str:
    """What the names of pin and preview begin with: `__Host-` binds a cookie to a single host."""
    if not config.proxy.secure_cookies:
        return str(config.proxy.cookie_stem)
    return f"{'__Secure-' if config.pin.domain else '__Host-'}{config.proxy.cookie_stem}"


def _encode(value: dict[str, object]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
