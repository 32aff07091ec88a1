"""How many sessions are still active on a version, as the session API counts them. Unknown is never 0."""

from pathlib import Path

import msgspec
from msgspec import Struct, field

from toolkit.errors import Failed
from toolkit.values import Address
from toolkit.web import Client


class Count(Struct, frozen=True):
    sessions: int
    users: int
    anonymous: int | None = None
    last_activity: str | None = field(name="lastActivity", default=None)


class User(Struct, frozen=True):
    email: str | None = None
    last_activity: str | None = field(name="lastActivity", default=None)


class Report(Struct, frozen=True):
    total: int = field(name="totalActiveUsers")
    old: int = field(name="oldVersionSessions")
    current: str = field(name="currentVersion")
    versions: dict[str, Count]
    users: list[User] = []

    def on(self, version: str) -> int:
        return self.versions[version].sessions if version in self.versions else 0


class Sessions:
    def __init__(self, address: Address, admin_key: Path) -> None:
        self._client = Client(address.url, timeout=5.0)
        self._admin_key = admin_key

    def report(self) -> Report:
        """Raises Failed when the count cannot be known."""
        try:
            key = self._admin_key.read_text().rstrip("\r\n")
        except OSError as error:
            raise Failed("the admin key cannot be read", str(error), "bgctl keys init") from None
        answer = self._client.get("/api/deployment/active-sessions", {"Authorization": f"Bearer {key}"})
        try:
            if answer.status == 200:
                return msgspec.json.decode(answer.body, type=Report)
            problem = f"the session API answered status {answer.status}"
        except msgspec.DecodeError as error:
            problem = f"the session API answered something else: {error}"
        raise Failed("the number of sessions is unknown", problem, "bgctl doctor")

    def count(self, version: str) -> int | None:
        """None: unknown."""
        try:
            return self.report().on(version)
        except Failed:
            return None
