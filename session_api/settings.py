"""What the environment configures; `get_app()` alone reads it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from session_api.claims import OWN_VERSION
from session_api.errors import SetupError
from session_api.stores.redis_address import RedisAddress

T = TypeVar("T")
LONG = 400 * 86400  # seconds
STORES = "must be sqlite:///PATH (four slashes for an absolute path) or redis://HOST:PORT/DB"


class SettingsError(SetupError):
    """An environment variable is missing or makes no sense."""


@dataclass(frozen=True)
class Settings:
    """Durations are whole seconds; an `idle_timeout` of 0 is off."""

    issuer: str
    state: Path = Path("/state/state.json")
    keys: Path = Path("/keys")
    store: Path | RedisAddress = Path("/data/sessions.db")
    token_ttl: int = 7 * 86400
    idle_timeout: int = 1800
    leeway: int = 60
    version_claim: str = OWN_VERSION
    secure_cookies: bool = True
    cookie_stem: str = "bg"


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read BGCTL_*; what is absent or empty has the default. Raises SettingsError naming the variable."""

    def read(name: str, default: T, parse: Callable[[str], T]) -> T:
        text = environment.get(name, "")
        try:
            return parse(text) if text else default
        except ValueError as error:
            shown = re.sub(r":.*@", ":***@", text)  # a URL may hold a password
            raise SettingsError(f"{name}={shown!r}: {error}", f"set {name} in the compose file") from None

    issuer = environment.get("BGCTL_ISSUER", "")
    if not issuer:
        raise SettingsError("BGCTL_ISSUER is not set", "set it to the issuer in bgctl.toml: [tokens] issuer")
    return Settings(
        issuer=issuer,
        state=read("BGCTL_STATE", Settings.state, Path),
        keys=read("BGCTL_KEYS", Settings.keys, Path),
        store=_with_password(
            read("BGCTL_STORE", Settings.store, _store), read("BGCTL_STORE_PASSWORD_FILE", None, _first_line)
        ),
        token_ttl=read("BGCTL_TOKEN_TTL", Settings.token_ttl, lambda text: _seconds(text, 60, LONG)),
        idle_timeout=read(
            "BGCTL_IDLE_TIMEOUT", Settings.idle_timeout, lambda text: _seconds(text, 0, 400 * 86400)
        ),
        leeway=read("BGCTL_LEEWAY", Settings.leeway, lambda text: _seconds(text, 0, 3600)),
        version_claim=read("BGCTL_VERSION_CLAIM", Settings.version_claim, _claim),
        secure_cookies=read("BGCTL_SECURE_COOKIES", True, _boolean),
        cookie_stem=read("BGCTL_COOKIE_STEM", Settings.cookie_stem, _stem),
    )


def _seconds(text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise ValueError(f"must be whole seconds from {least} to {most}")
    return int(text)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def _stem(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,23}", text):
        raise ValueError("must be letters, digits, - and _, a letter first, at most 24")
    return text


def _claim(text: str) -> str:
    if not re.fullmatch(r"[!-~]{1,128}", text):
        raise ValueError("must be the name of a claim: 1 to 128 characters of ASCII, no blanks")
    return text


def _store(url: str) -> Path | RedisAddress:
    """`sqlite:////data/sessions.db` is the absolute path /data/sessions.db, as SQLAlchemy has it."""
    scheme, _, path = url.partition(":///")
    if scheme == "sqlite" and path:
        return Path(path)
    try:
        return RedisAddress(url)
    except ValueError:
        raise ValueError(
            "must be sqlite:///PATH (four slashes for an absolute path) or redis://HOST:PORT/DB"
        ) from None


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().split("\n")[0].rstrip("\r")
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error


def _with_password(store: Path | RedisAddress, password: str | None) -> Path | RedisAddress:
    return replace(store, password=password) if isinstance(store, RedisAddress) and password else store
