"""What the environment configures; `get_app()` alone reads it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from session_api.errors import SetupError

T = TypeVar("T")


class SettingsError(SetupError):
    """An environment variable is missing or makes no sense."""


@dataclass(frozen=True)
class Settings:
    """Durations are whole seconds; an `idle_timeout` of 0 is off."""

    issuer: str
    state: Path = Path("/state/state.json")
    keys: Path = Path("/keys")
    store: Path = Path("/data/sessions.db")
    token_ttl: int = 7 * 86400
    idle_timeout: int = 0
    leeway: int = 60
    secure_cookies: bool = True


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read BGCTL_*; what is absent or empty has the default. Raises SettingsError naming the variable."""

    def read(name: str, default: T, parse: Callable[[str], T]) -> T:
        text = environment.get(name, "")
        try:
            return parse(text) if text else default
        except ValueError as error:
            raise SettingsError(f"{name}={text!r}: {error}", f"set {name} in the compose file") from None

    issuer = environment.get("BGCTL_ISSUER", "")
    if not issuer:
        raise SettingsError("BGCTL_ISSUER is not set", "set it to the issuer in bgctl.toml: [tokens] issuer")
    return Settings(
        issuer=issuer,
        state=read("BGCTL_STATE", Settings.state, Path),
        keys=read("BGCTL_KEYS", Settings.keys, Path),
        store=read("BGCTL_STORE", Settings.store, _sqlite_path),
        token_ttl=read("BGCTL_TOKEN_TTL", Settings.token_ttl, lambda text: _seconds(text, 60, 400 * 86400)),
        idle_timeout=read("BGCTL_IDLE_TIMEOUT", 0, lambda text: _seconds(text, 0, 400 * 86400)),
        leeway=read("BGCTL_LEEWAY", Settings.leeway, lambda text: _seconds(text, 0, 3600)),
        secure_cookies=read("BGCTL_SECURE_COOKIES", True, _boolean),
    )


def _seconds(text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise ValueError(f"must be whole seconds from {least} to {most}")
    return int(text)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def _sqlite_path(url: str) -> Path:
    """`sqlite:////data/sessions.db` is the absolute path /data/sessions.db, as SQLAlchemy has it."""
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite" or not path:
        raise ValueError("must be sqlite:///PATH (four slashes for an absolute path)")
    return Path(path)
