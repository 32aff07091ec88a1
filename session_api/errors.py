"""The error for mistakes in what an operator prepared: it says how to mend them. bgctl uses it, too."""


class SetupError(Exception):
    """A file or setting is missing or unsafe: `what` and where, and the `next_step` to take."""

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what}\n  next: {next_step}")
        self.what = what
        self.next_step = next_step
