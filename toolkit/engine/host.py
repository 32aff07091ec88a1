"""One of the hosts on which a project runs, where there are several."""

from typing import Protocol


class Host(Protocol):
    """`ready`: its engine is heard."""

    @property
    def name(self) -> str: ...

    @property
    def address(self) -> str: ...

    @property
    def ready(self) -> bool: ...
