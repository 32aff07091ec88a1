"""The HTTP client for bgctl's own parts: short time-outs, no redirects, no proxies of the environment."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from toolkit.errors import Failed

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True)
class Answer:
    """`date` is the server's clock as its Date header has it (RFC 9110, section 6.6.1); "": it has none."""

    status: int
    body: bytes
    date: str = ""


class Unreachable(Failed):
    """There was no HTTP answer at all; `why` is one or two words."""


class Client:
    """A kept-alive connection to one base URL. Times are seconds."""

    def __init__(self, base: str, timeout: float = 2.0) -> None:
        self.base = base
        self.timeout = timeout

    @cached_property
    def _session(self) -> "requests.Session":
        import requests

        session = requests.Session()
        session.trust_env = False
        return session

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self._ask("GET", path, headers or {}, None)

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        return self._ask("POST", path, {"Content-Type": "application/json", **(headers or {})}, body)

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        import requests

        try:
            response = self._session.request(
                method,
                self.base + path,
                headers=headers,
                data=body,
                timeout=self.timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise Unreachable(f"{self.base}{path} gives no answer", _reason(error), "bgctl up") from None
        return Answer(response.status_code, response.content, response.headers.get("Date", ""))


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "timed out"
    return "connection refused" if "refused" in str(error).lower() else "connection broken"
