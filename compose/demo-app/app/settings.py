"""The app's settings, from its environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
FAULTS = ("", "unhealthy", "wrong-version", "crash-after-healthy", "deaf", "some-errors")


@dataclass(frozen=True, slots=True)
class Settings:
    """`keepalive` and `grace` are seconds; `grace` is what lies between SIGTERM and SIGKILL.

    `fault` makes the app misbehave on purpose, for tests. `feature` is shown to who asks, and does nothing.
    """

    version: str
    port: int = 3000
    keepalive: float = 75.0
    grace: float = 10.0
    fault: str = ""
    feature: str = ""
    cookie_stem: str = "bg"
    session_api_url: str = "http://session-api:8090"
    service_key_file: Path = Path("/keys/service/service.key")

    @property
    def session_cookies(self) -> tuple[str, str]:
        """The names of the cookie with the session's token: with TLS, and without."""
        return f"__Host-{self.cookie_stem}_session", f"{self.cookie_stem}_session"

    @property
    def spread(self) -> float:
        """Seconds over which open connections are ended: the last one still has time to end."""
        return self.grace * 0.7

    @property
    def end(self) -> float:
        """Seconds after which the app ends whatever is open: before SIGKILL."""
        return self.grace * 0.9


def from_env(env: Mapping[str, str]) -> Settings:
    """The settings. Raises ValueError, in one sentence, for one that cannot be used."""
    version = env.get("VERSION", "")
    if not VERSION.fullmatch(version):
        raise ValueError(f"VERSION is {version!r}: expected something like 1.6.8")
    fault = env.get("FAULT", "")
    if fault not in FAULTS:
        raise ValueError(f"FAULT is {fault!r}: expected one of {', '.join(FAULTS[1:])}, or nothing")
    return Settings(
        version=version,
        port=int(env.get("PORT") or 3000),
        keepalive=float(env.get("KEEPALIVE") or 75),
        grace=float(env.get("GRACE") or 10),
        fault=fault,
        feature=env.get("FEATURE") or "",
        cookie_stem=env.get("COOKIE_STEM") or "bg",
        session_api_url=env.get("SESSION_API_URL") or "http://session-api:8090",
        service_key_file=Path(env.get("SERVICE_KEY_FILE") or "/keys/service/service.key"),
    )
