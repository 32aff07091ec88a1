"""What an operator adds to the judgement of a step: a Prometheus query, and a command."""

import re
import shlex
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from toolkit.clients.http import Client
from toolkit.engine import process as runner
from toolkit.errors import BgctlError, Failed
from toolkit.project import Project

QUERY_SECONDS = 5.0


@dataclass(frozen=True)
class Moment:
    """The step at hand: versions, and green's share of new sessions in per cent."""

    old: str
    new: str
    share: int

    def fill(self, query: str) -> str:
        """`query` with {blue}, {green} and {share} replaced; what else has braces is PromQL's.

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
    """Of Prometheus' HTTP API."""

    status: str
    data: Result | None = None
    error: str = ""


def ask_prometheus(project: Project, moment: Moment) -> str:
    """What its query finds wrong; "" where it finds nothing. Raises Failed when there is no good answer."""
    terms = project.config.canary
    if not terms.query:
        return ""
    path = "/api/v1/query?" + urlencode({"query": moment.fill(terms.query)})
    answer = Client(terms.prometheus.rstrip("/"), QUERY_SECONDS).get(path)
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


def run_command(project: Project, moment: Moment, limit: float) -> str:
    """What is wrong by the command of [canary]; "" where it is content. `limit` is seconds."""
    terms = project.config.canary
    if not terms.command:
        return ""
    env = {
        "BGCTL_VERSION": moment.new,
        "BGCTL_OLD_VERSION": moment.old,
        "BGCTL_SHARE": str(moment.share),
        "BGCTL_CONTROL": project.config.proxy.control.url,
    }
    try:
        runner.run(shlex.split(terms.command), timeout=limit, env=env, cwd=project.root, called="the command")
    except BgctlError as error:
        return str(error)
    return ""
