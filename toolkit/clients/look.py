"""One look at both /metrics at once, for which nothing waits long: what is late is not known."""

import threading
from contextlib import suppress

from toolkit.clients import sample
from toolkit.clients.http import Client
from toolkit.clients.sample import Sample
from toolkit.clock import SYSTEM
from toolkit.errors import BgctlError
from toolkit.values import Address

PATIENCE = 0.5  # seconds, for both together


class Look:
    """Begins at once, in threads of its own; `sample` waits for what is still on its way."""

    def __init__(self, proxy: Address, sessions: Address, at: str) -> None:
        """`at` is the stamp of now."""
        self._at = at
        self._answers: dict[str, str] = {}
        self._until = SYSTEM.monotonic() + PATIENCE
        asked = {"proxy": proxy, "sessions": sessions}
        self._threads = [
            threading.Thread(target=self._ask, args=(name, address), daemon=True)
            for name, address in asked.items()
        ]
        for thread in self._threads:
            thread.start()

    def sample(self) -> Sample:
        for thread in self._threads:
            thread.join(max(0.0, self._until - SYSTEM.monotonic()))
        answers = dict(self._answers)
        return sample.of(self._at, answers.get("proxy"), answers.get("sessions"))

    def _ask(self, name: str, address: Address) -> None:
        with suppress(BgctlError):
            answer = Client(address.url, PATIENCE).get("/metrics")
            if answer.status == 200:
                self._answers[name] = answer.body.decode(errors="replace")
