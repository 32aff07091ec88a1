"""The criteria that an operator adds to a canary: a query of Prometheus, and a command."""

import re
import shlex
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from toolkit import hooks
from toolkit.clients.http import Client
from toolkit.errors import BgctlError, Failed
from toolkit.project import Project

QUERY_SECONDS = 5.0


@dataclass(frozen=True)
class Variables:
    """What query and command are told of a canary's step: both versions, and green's share in per cent."""

    old: str
    new: str
    share: int

    def fill(self, query: str) -> str:
        """`query` with {blue}, {green} and {share} replaced. Other braces belong to PromQL.

        A version has no quotes, backslashes or braces, so it cannot end the string that it stands in.
        """
        known = {"{blue}": self.old, "{green}": self.new, "{share}": str(self.share)}
        return re.sub(r"\{(?:blue|green|share)\}", lambda found: known[found[0]], query)


class Sample(Struct, frozen=True):
    value: tuple[float, str]
    metric: dict[str, str] = {}

    def __str__(self) -> str:
        labels = ", ".join(f'{name}="{value}"' for name, value in sorted(self.metric.items()))
        return f"{{{labels}}} {self.value[1]}" if labels else self.value[1]


class Result(Struct, frozen=True, rename="camel"):
    result_type: str
    result: Any


class Reply(Struct, frozen=True):
    """An answer of Prometheus' HTTP API."""

    status: str
    data: Result | None = None
    error: str = ""


def ask_prometheus(project: Project, variables: Variables) -> str:
    """What the query finds wrong; "" where it finds nothing. Raises Failed when there is no good answer."""
    settings = project.config.canary
    if not settings.query:
        return ""
    path = "/api/v1/query?" + urlencode({"query": variables.fill(settings.query)})
    answer = Client(settings.prometheus.rstrip("/"), QUERY_SECONDS).get(path)
    found = _samples(answer.status, answer.body)
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"the query of Prometheus gives {found[0]}{more}" if found else ""


def _samples(status: int, body: bytes) -> list[Sample]:
    what = "Prometheus gives no good answer"
    try:
        reply = msgspec.json.decode(body, type=Reply)
        if reply.status != "success" or reply.data is None:
            raise Failed(what, reply.error or f"status {status}")
        if reply.data.result_type != "vector":
            raise Failed(what, f"a {reply.data.result_type}, where an alert rule has a vector")
        return msgspec.convert(reply.data.result, list[Sample])
    except msgspec.MsgspecError:
        raise Failed(what, f"status {status}, and not what its API says") from None


def run_command(project: Project, variables: Variables, limit: float) -> str:
    """What is wrong by [canary] command; "" where its exit code is 0. `limit` is in seconds."""
    command = project.config.canary.command
    if not command:
        return ""
    env = {
        "BGCTL_VERSION": variables.new,
        "BGCTL_OLD_VERSION": variables.old,
        "BGCTL_SHARE": str(variables.share),
        "BGCTL_CONTROL": project.config.proxy.control.url,
    }
    argv = shlex.split(command)
    try:
        hooks.run(argv, called="the command", folder=project.root, env=env, timeout=limit)
    except BgctlError as error:
        return str(error)
    return ""
