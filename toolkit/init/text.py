"""bgctl.toml as text: what differs from the defaults, and from what each guess was made."""

import json
from collections.abc import Iterator

from toolkit.engine.own_services import PROXY
from toolkit.init.addresses import CONTROL, SESSIONS
from toolkit.init.plan import Plan, Slotted

COLUMN = 34  # of the comments
HEAD = """\
# Written by `bgctl init`. What is not here has its default: `bgctl init --example` explains every setting.
"""
TLS = """\
# [tls]                           # for HTTPS in bgctl's proxy: remove the first "# " of these lines
# certificate = "certs/fullchain.pem"  # and name your files
# key = "certs/privkey.pem"
"""


def of(plan: Plan) -> str:
    """The whole file; config.parse takes it."""
    parts = [
        HEAD,
        _lines(_project(plan)),
        _lines(_proxy(plan)),
        TLS,
        *[_lines(_sessions(plan))] * (plan.sessions != SESSIONS or plan.cookies is not None),
        *(_lines(_service(each, plan)) for each in plan.services),
        _lines(_session_api(plan)),
        *[_lines(_preview(plan))] * bool(plan.domain),
    ]
    return "\n".join(parts)


Line = tuple[str, str]  # what is said, and the comment beside it


def _lines(lines: Iterator[Line]) -> str:
    return "".join(f"{said:<{COLUMN - 1}} # {why}\n" if why else f"{said}\n" for said, why in lines)


def _set(name: str, value: object) -> str:
    return f"{name} = {json.dumps(value, ensure_ascii=False)}"


def _project(plan: Plan) -> Iterator[Line]:
    yield "[project]", ""
    yield _set("name", plan.name.value), plan.name.source
    if plan.compose_files:
        files = plan.compose_files
        yield _set("compose_file", list(files.value)), files.source
    if plan.engine:
        yield _set("engine", plan.engine), "as it was given"


def _proxy(plan: Plan) -> Iterator[Line]:
    yield "[proxy]", ""
    yield _set("listen", plan.listen.value), plan.listen.source
    if plan.proxy != PROXY:
        yield _set("service", plan.proxy), "bgctl's own proxy: your compose files have a service `proxy`"
    if plan.control != CONTROL:
        yield _set("control", plan.control), f"bgctl asks the proxy here; {CONTROL.port} is taken"
    if plan.cookie_stem:
        yield _set("cookie_stem", plan.cookie_stem.value), plan.cookie_stem.source
    if not plan.https:
        why = "browsers come by plain HTTP; remove this line when they come by HTTPS"
        yield "secure_cookies = false", why
    elif not plan.domain:
        why = f"{plan.web.name} sends browsers to HTTPS, which ends in [tls] or in front of the proxy"
        yield "secure_cookies = true", why


def _sessions(plan: Plan) -> Iterator[Line]:
    yield "[sessions]", ""
    if plan.cookies:
        names, source = plan.cookies.value, plan.cookies.source
        yield _set("cookie", names[0] if len(names) == 1 else list(names)), source
    if plan.sessions != SESSIONS:
        yield _set("address", plan.sessions), f"bgctl asks the session API here; {SESSIONS.port} is taken"


def _service(service: Slotted, plan: Plan) -> Iterator[Line]:
    yield f"[services.{service.name}]", service.source
    if service.port is None or service.health is None or service.addresses is None:
        yield "routes = []", "no requests from outside: it starts and stops with its slot"
        yield _set("health", "container"), "what the engine says of it"
        yield from _replicas(service)
        return
    blue, green = service.addresses
    yield _set("port", service.port.value), f"in the container; {service.port.source}"
    yield _set("routes", list(service.routes)), ""
    yield _set("blue", blue), "free ports of this machine, one for each slot"
    yield _set("green", green), ""
    yield _set("health", service.health.value), service.health.source
    if plan.health_host and service.health.value != "container":
        yield _set("health_host", plan.health_host.value), plan.health_host.source
    yield from _replicas(service)


def _replicas(service: Slotted) -> Iterator[Line]:
    if service.replicas > 1:
        yield _set("replicas", service.replicas), "as many as plain compose starts"


def _session_api(plan: Plan) -> Iterator[Line]:
    yield f"[services.{plan.session_api}]", "bgctl's own; browsers need of it what is below /api/deployment/"
    yield _set("address", plan.sessions), ""
    yield _set("health", "/readyz"), ""


def _preview(plan: Plan) -> Iterator[Line]:
    yield "[preview]", ""
    yield _set("url", f"https://{plan.domain}"), "where browsers come; health checks say this host, too"
