"""Prints lines where no terminal is: in a file, in cron's mail, for another program."""

from typing import TextIO

# Codes that would move a cursor: on a terminal rich leaves them out, too.
STEERING = dict.fromkeys(map(ord, "\a\b\v\f\r"))


class Plain:
    """What `UI` needs of rich's Console, without loading it, which takes a fifth of a short command."""

    is_terminal = is_dumb_terminal = False

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def print(self, text: str) -> None:
        print(text.translate(STEERING), file=self._file, flush=True)
