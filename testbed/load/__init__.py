"""A load generator that knows sessions: it notices when one is answered by another version than its own."""

from .crowd import Crowd, CrowdError
from .generator import Load
from .ledger import Ledger
from .process import LoadError, LoadProcess
from .tally import Failure, Tally
from .truth import Count
from .user import KINDS

__all__ = [
    "KINDS",
    "Count",
    "Crowd",
    "CrowdError",
    "Failure",
    "Ledger",
    "Load",
    "LoadError",
    "LoadProcess",
    "Tally",
]
