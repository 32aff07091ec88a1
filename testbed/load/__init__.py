"""A load generator that knows what a session is: it notices when one is answered by another version.

`generator` has users at a common pace, each a `user` with `tab`s (or an `apiclient`); `caller` sends what
they ask for. `judgement` says which version had to answer, by what `serving` knows of releases, and `tally`
counts. `regulars` stay through all releases. `wandering` is for several hosts, any of which may answer.
`crowd` is apart: thousands of sessions, and the `truth` about who is where. `process` runs a load in a
process of its own.
"""

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
