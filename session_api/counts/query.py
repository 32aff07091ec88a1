"""What is asked for in a request for counts."""

from dataclasses import dataclass

from session_api.counts.cursor import Cursor


@dataclass(frozen=True)
class Query:
    """`limit` and `page` are for the list of users, which is that of `version`.

    `idle`: count only those who were active within so many seconds; 0: as configured.
    """

    limit: int = 100
    page: Cursor | None = None
    idle: int = 0
    version: str | None = None
