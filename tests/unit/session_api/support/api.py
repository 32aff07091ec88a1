"""The application without a server, and what tests do with it again and again."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from falcon import testing

from tests.unit.session_api.support.data import HandClock


class Api:
    """The application, and what the tests do with it again and again."""

    def __init__(self, app: Any, keys: Path, clock: HandClock) -> None:
        self.clock = clock
        self.epoch: str | None = None
        self.proxy_key = (keys / "proxy" / "proxy.key").read_text().strip()
        self.client = testing.TestClient(app)
        self.service_key = (keys / "service" / "service.key").read_text().strip()
        self.admin_key = (keys / "admin" / "admin.key").read_text().strip()

    def log_in(self, user: str = "u1", version: str | None = None, **more: Any) -> testing.Result:
        headers = {"Authorization": f"Bearer {self.service_key}"}
        if version is not None:
            headers["X-Deployment-Version"] = version
        return self.client.simulate_post("/token", json={"userId": user, **more}, headers=headers)

    def token(self, *args: Any, **more: Any) -> str:
        result = self.log_in(*args, **more)
        assert result.status_code == 201, result.text
        return result.json["token"]

    def post(self, path: str, token: str, **headers: str) -> testing.Result:
        return self.client.simulate_post(path, headers={"Authorization": f"Bearer {token}", **headers})

    def get(self, path: str, token: str | None = None) -> testing.Result:
        headers = {"Authorization": f"Bearer {token}"} if token else None
        return self.client.simulate_get(path, headers=headers)

    def report(self, *sessions: list[Any], **changes: Any) -> testing.Result:
        """What a proxy says that remembers ten days; it goes on with the epoch that it is told."""
        now = self.clock()
        body = {
            "proxy": "web1:8080",
            "now": now,
            "since": now - 864000,
            "epoch": self.epoch,
            "complete": True,
            "sessions": sessions,
            "gone": [],
        } | changes
        headers = {"Authorization": f"Bearer {self.proxy_key}"}
        answer = self.client.simulate_post("/_bgctl/activity", json=body, headers=headers)
        if answer.status_code == 200:
            self.epoch = answer.json["epoch"]
        return answer

    def ask(self, **query: Any) -> testing.Result:
        headers = {"Authorization": f"Bearer {self.admin_key}"}
        return self.client.simulate_get("/api/deployment/active-sessions", params=query, headers=headers)

    def census(self, **query: Any) -> testing.Result:
        """Who is active where, when the proxy has told all: once to learn the epoch, and once by it."""
        self.report()
        self.report()
        return self.ask(**query)


def rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def problem(result: testing.Result, status: int) -> str:
    """The detail of a problem document, whose form is checked."""
    assert result.status_code == status, result.text
    assert result.headers["content-type"] == "application/problem+json"
    assert set(result.json) == {"type", "title", "status", "detail"}
    assert (result.json["type"], result.json["status"]) == ("about:blank", status)
    if status == 401:
        assert result.headers["www-authenticate"].startswith('Bearer realm="bgctl"')
    return result.json["detail"]
