"""Chance that is the same each time a sequence is played: or no failing one could be made shorter."""

from base64 import urlsafe_b64encode
from hashlib import sha256


class Draws:
    """Stands where a program has the module `secrets`."""

    def __init__(self) -> None:
        self._drawn = 0

    def rewind(self) -> None:
        self._drawn = 0

    def token_urlsafe(self, size: int) -> str:
        self._drawn += 1
        return urlsafe_b64encode(sha256(str(self._drawn).encode()).digest()[:size]).rstrip(b"=").decode()
