"""What the agent needs, such as Redis: that it is lost is logged once, and once that it is back."""

import logging

log = logging.getLogger(__name__)
FIRST, LONGEST = 0.05, 1.0  # seconds between two tries


class Contact:
    """`why` is what is wrong, None while nothing is. The first answer of all is told, too."""

    def __init__(self, name: str, good: str = "answers", bad: str = "gives no good answer") -> None:
        self._name, self._good, self._bad = name, good, bad
        self.why: str | None = None
        self._met = False
        self._pause = 0.0

    def lost(self, why: str) -> float:
        """Returns the seconds to wait before the next try, which grow up to a bound."""
        if self.why is None:
            log.warning("%s %s; it is tried again and again: %s", self._name, self._bad, why)
        self.why = why
        self._pause = min(max(self._pause * 2, FIRST), LONGEST)
        return self._pause

    def met(self) -> None:
        if self.why is not None or not self._met:
            log.info("%s %s", self._name, self._good)
        self._met, self.why, self._pause = True, None, 0.0
