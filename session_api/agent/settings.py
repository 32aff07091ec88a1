"""What the agent is told by its environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from session_api import environment as env
from session_api.environment import SettingsError, variable
from session_api.stores.redis.address import RedisAddress

PASSWORD_FILE = "BGCTL_STORE_PASSWORD_FILE"  # noqa: S105  # the variable's name; belongs to BGCTL_STORE
NEEDED = {
    "store": ("BGCTL_STORE", "set it to the Redis of the sessions: redis://HOST:PORT/DB"),
    "project": ("BGCTL_PROJECT", "set it to the project's name in bgctl.toml: [project] name"),
    "node": ("BGCTL_NODE", "set it to this node's name, in a stack file: '{{.Node.Hostname}}'"),
}


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", text):
        raise ValueError("must be letters, digits, dots, - and _, a letter or digit first, at most 253")
    return text


def _loopback(text: str) -> str:
    if not re.fullmatch(r"http://[^/?#@\s]+:[0-9]{1,5}/?", text):
        raise ValueError("must be http://ADDRESS:PORT")
    return text.removeprefix("http://").rstrip("/")


@dataclass(frozen=True)
class Settings:
    """`control` is the address of the proxy's control listener, as ADDRESS:PORT."""

    store: RedisAddress = field(metadata=variable("BGCTL_STORE", RedisAddress))
    project: str = field(metadata=variable("BGCTL_PROJECT", _name))
    node: str = field(metadata=variable("BGCTL_NODE", _name))
    state: Path = field(default=Path("/state/state.json"), metadata=variable("BGCTL_STATE", Path))
    control: str = field(default="127.0.0.1:9180", metadata=variable("BGCTL_CONTROL", _loopback))


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError naming the variable that is missing or makes no sense."""
    given = env.given(Settings, environment)
    for name, (missing, mend) in NEEDED.items():
        if name not in given:
            raise SettingsError(f"{missing} is not set", mend)
    settings = Settings(**given)
    password = env.secret(PASSWORD_FILE, environment)
    return replace(settings, store=replace(settings.store, password=password)) if password else settings
