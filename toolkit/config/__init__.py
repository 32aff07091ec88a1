"""bgctl.toml: what an operator may write, and a named line for whatever is wrong with it."""

from toolkit.config.configuration import Config
from toolkit.config.reading import examine, load, locate, parse
from toolkit.config.rules import problems
from toolkit.config.tables import (
    HEADERS,
    Canary,
    Drain,
    Health,
    ProjectTable,
    Service,
    Sessions,
)
from toolkit.values import SLOTS

__all__ = [
    "HEADERS",
    "SLOTS",
    "Canary",
    "Config",
    "Drain",
    "Health",
    "ProjectTable",
    "Service",
    "Sessions",
    "examine",
    "load",
    "locate",
    "parse",
    "problems",
]
