"""A load generator that knows what a session is: it notices when one is answered by another version."""

from .generator import Load
from .process import LoadError, LoadProcess
from .tally import Failure, Tally
from .user import KINDS

__all__ = ["KINDS", "Failure", "Load", "LoadError", "LoadProcess", "Tally"]
