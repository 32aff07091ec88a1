"""A difference between what runs and what the files say: told by the names of settings, never by values."""

from msgspec import Struct


class Difference(Struct, frozen=True):
    """The services that run with other settings, those, and the command that brings them."""

    services: tuple[str, ...]
    settings: tuple[str, ...]
    next: str
    slot: str = ""  # "": it is beside the slots

    @property
    def what(self) -> str:
        runs = "runs" if len(self.services) == 1 else "run"
        return f"{' and '.join(self.services)} {runs} with other settings than your files say"

    @property
    def line(self) -> str:
        return f"{self.what}: {', '.join(self.settings)}; next: {self.next}"
