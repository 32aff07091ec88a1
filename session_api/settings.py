"""What the environment configures: a setting is one field of Settings, with its variable and its form."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from session_api import environment as env
from session_api.environment import SettingsError, variable
from session_api.stores.redis.address import RedisAddress
from session_api.tokens.claims import OWN_VERSION

LONG = 400 * 86400  # seconds
MOST_PLACES = 4  # further cookies, and further headers, in which tokens are looked for
STORES = "must be sqlite:///PATH (four slashes for an absolute path) or redis://HOST:PORT/DB"
PASSWORD_FILE = "BGCTL_STORE_PASSWORD_FILE"  # noqa: S105  # the variable's name; belongs to BGCTL_STORE


def _seconds(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be whole seconds from {least} to {most}")
        return int(text)

    return parse


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


def _names(pattern: str) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(text.split(" "))
        if len(names) > MOST_PLACES or not all(re.fullmatch(pattern, name) for name in names):
            raise ValueError(f"must be 1 to {MOST_PLACES} names with a blank between them")
        return names

    return parse


def _store(url: str) -> Path | RedisAddress:
    """`sqlite:////data/sessions.db` is the absolute path /data/sessions.db, as SQLAlchemy has it."""
    scheme, _, path = url.partition(":///")
    if scheme == "sqlite" and path:
        return Path(path)
    try:
        return RedisAddress(url)
    except ValueError:
        raise ValueError(STORES) from None


@dataclass(frozen=True)
class Settings:
    """Durations are whole seconds; an `idle_timeout` of 0 is off."""

    issuer: str = field(metadata=variable("BGCTL_ISSUER", str))
    state: Path = field(default=Path("/state/state.json"), metadata=variable("BGCTL_STATE", Path))
    keys: Path = field(default=Path("/keys"), metadata=variable("BGCTL_KEYS", Path))
    store: Path | RedisAddress = field(
        default=Path("/data/sessions.db"), metadata=variable("BGCTL_STORE", _store)
    )
    token_ttl: int = field(default=7 * 86400, metadata=variable("BGCTL_TOKEN_TTL", _seconds(60, LONG)))
    idle_timeout: int = field(default=1800, metadata=variable("BGCTL_IDLE_TIMEOUT", _seconds(0, LONG)))
    leeway: int = field(default=60, metadata=variable("BGCTL_LEEWAY", _seconds(0, 3600)))
    version_claim: str = field(default=OWN_VERSION, metadata=variable("BGCTL_VERSION_CLAIM", _claim))
    token_cookies: tuple[str, ...] = field(
        default=(), metadata=variable("BGCTL_TOKEN_COOKIES", _names(r"[A-Za-z0-9_.-]{1,128}"))
    )
    token_headers: tuple[str, ...] = field(
        default=(), metadata=variable("BGCTL_TOKEN_HEADERS", _names(r"[A-Za-z][A-Za-z0-9-]{0,60}"))
    )
    secure_cookies: bool = field(default=True, metadata=variable("BGCTL_SECURE_COOKIES", _boolean))
    cookie_stem: str = field(default="bg", metadata=variable("BGCTL_COOKIE_STEM", _stem))


def variables() -> list[str]:
    """The environment variables that are read."""
    return [*env.names(Settings), PASSWORD_FILE]


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the variables; one that is absent or empty has its default. Raises SettingsError naming it."""
    given = env.given(Settings, environment)
    if "issuer" not in given:
        raise SettingsError("BGCTL_ISSUER is not set", "set it to the issuer in bgctl.toml: [tokens] issuer")
    settings = Settings(**given)
    password = env.secret(PASSWORD_FILE, environment)
    if isinstance(settings.store, RedisAddress) and password:
        return replace(settings, store=replace(settings.store, password=password))
    return settings
