"""Asks the session API how many sessions are active on which version. Unknown is None, and never 0."""

from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from toolkit.clients.http import Answer, Client
from toolkit.errors import Failed
from toolkit.values import Address


class Count(Struct, frozen=True, rename="camel"):
    """The counts of one version: log-ins, their users, visitors without a log-in, open WebSockets."""

    sessions: int | None
    users: int | None
    anonymous: int | None = None
    websockets: int | None = None
    last_activity: datetime | None = None


class User(Struct, frozen=True, rename="camel"):
    user_id: str | None = None
    email: str | None = None
    last_activity: datetime | None = None


class Forecast(Struct, frozen=True, rename="camel"):
    """When the last session of the old version will have ended.

    `earliest`: if no session is used again; `likely`: at the pace so far; `latest`: when the last token
    expires.
    """

    earliest: datetime | None = None
    likely: datetime | None = None
    latest: datetime | None = None


class Report(Struct, frozen=True, rename="camel"):
    """The answer to GET /api/deployment/active-sessions. `users` is a page of the users of one version.

    `unknown` says why the counts are not known, `unknown_visitors` why those of visitors alone are not.
    """

    current_version: str
    versions: dict[str, Count]
    total_active_users: int | None = None
    old_version_sessions: int | None = None
    users: list[User] = []
    next_page: str | None = None
    unknown: str | None = None
    unknown_visitors: str | None = None
    forecast: Forecast | None = None

    def on(self, version: str) -> Count:
        """The counts of a version: 0 for one that is not in the report, if the counts are known at all."""
        none = None if self.unknown else 0
        visitors = None if self.unknown_visitors else none
        return self.versions.get(version) or Count(none, none, visitors, none)


class Sessions:
    def __init__(self, address: Address, admin_key: Path) -> None:
        self._client = Client(address.url, timeout=5.0)
        self._admin_key = admin_key

    def report(
        self, idle: float = 0, users: int = 0, page: str | None = None, version: str | None = None
    ) -> Report:
        """Counts sessions active in the last `idle` seconds (0: as configured); lists up to `users` users.

        The users are those of `version`; None: of the version that drains, else of the most used one that is
        not current. Raises Failed when there is no answer; an answer may say that the counts are unknown.
        """
        query: dict[str, int | str] = {"idle": int(idle)} if idle else {}
        query |= {"limit": users} | ({"page": page} if page else {})
        query |= {"version": version} if version else {}
        path = f"/api/deployment/active-sessions?{urlencode(query)}"
        answer = self._get(path)
        try:
            if answer.status == 200:
                return msgspec.json.decode(answer.body, type=Report)
            if answer.status == 401:
                raise self._refused()
            problem = f"the session API answered status {answer.status}"
        except msgspec.DecodeError as error:
            problem = f"the session API answered something else: {error}"
        raise Failed("the number of sessions is unknown", problem, "bgctl doctor")

    def refuses_us(self) -> bool:
        """Whether it has another admin key than bgctl. No answer is no refusal."""
        try:
            return self._get("/api/deployment/active-sessions?limit=0").status == 401
        except Failed:
            return False

    def clock(self) -> str:
        """The session API's clock, as its Date header has it; "": it has none. Raises Failed."""
        return self._client.get("/healthz").date

    def _get(self, path: str) -> Answer:
        try:
            key = self._admin_key.read_text().rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise Failed("the admin key cannot be read", str(error), "bgctl up") from None
        return self._client.get(path, {"Authorization": f"Bearer {key}"})

    def _refused(self) -> Failed:
        place = "/".join(self._admin_key.parts[-3:])
        why = f"the session API refuses our admin key: it has another one than {place}"
        return Failed("the number of sessions is unknown", why, "bgctl up")

    def on(self, version: str, idle: float = 0) -> Count:
        """A version's counts; all unknown when there is no answer."""
        try:
            return self.report(idle).on(version)
        except Failed:
            return Count(None, None)
