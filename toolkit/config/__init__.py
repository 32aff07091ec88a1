"""bgctl.toml: what an operator may write in it, and the line of each mistake."""

from toolkit.config.configuration import Config
from toolkit.config.edge_tables import HEADERS
from toolkit.config.reading import examine, load, locate, parse
from toolkit.config.rules import problems
from toolkit.config.service_table import Service
from toolkit.config.tables import Canary, Drain, Health, ProjectTable, Sessions
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
