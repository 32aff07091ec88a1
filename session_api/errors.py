"""Mistakes in what an operator prepared, told so that they can be mended. No imports: bgctl shares this."""


class SetupError(Exception):
    """Something prepared for this program is missing or unsafe: what is wrong, where, and what to do next."""

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what}\n  next: {next_step}")
        self.what = what
        self.next_step = next_step
