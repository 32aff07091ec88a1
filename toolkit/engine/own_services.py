"""Adds bgctl's own compose services, proxy and session API, where the user's files do not have them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from toolkit.config import Config
from toolkit.engine import compose_forms
from toolkit.engine.compose_lines import place
from toolkit.engine.container import RENDERED
from toolkit.errors import Refused
from toolkit.shipped import PREFIX, SHARED, shipped
from toolkit.values import Address

Document = dict[str, Any]
PROXY, SESSION_API = "proxy", "session-api"  # what they are called in compose/bgctl.yaml
LISTENS = 8090  # the session API's port in its container
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def missing(document: Document, config: Config, paths: Sequence[Path]) -> dict[str, str]:
    """Those that a compose file does not have: by its name in the project, the name in compose/bgctl.yaml.

    Raises Refused where a service of the user's own has the proxy's name.
    """
    there, proxy = document.get("services") or {}, config.proxy_service
    if proxy in there and not _is_ours(there[proxy]):
        where = f"{place(paths, proxy)}: {proxy} is a service of yours"
        why = "bgctl's proxy would have the same name"
        raise Refused(where, why, 'write service = "bgctl-proxy" in [proxy] of bgctl.toml')
    wanted = {proxy: PROXY} | {
        name: SESSION_API for name, each in config.shared.items() if config.is_session_api(each)
    }
    return {name: ours for name, ours in wanted.items() if name not in there}


def add(
    document: Document,
    wanted: Mapping[str, str],
    address: Address,
    values: Mapping[str, str],
    networks: Sequence[str],
    mounts: Sequence[str] = (),
) -> Document:
    """The compose file with these services too. `values` are the variables for compose/bgctl.yaml.

    `mounts` are folders for the proxy, beside those that it always has.
    The session API is published at `address`. It is in the `networks` of the app too, so that its backend can
    reach it by its name.
    """
    services = dict(document["services"])
    for name, ours in wanted.items():
        service = _read(values)[ours]
        if ours == PROXY:
            service["volumes"] = [*service["volumes"], *mounts]
        if ours == SESSION_API:
            service["ports"] = [f"{address}:{LISTENS}"]
            if networks:
                service["networks"] = ["default", *[each for each in networks if each != "default"]]
        services[name] = service
    made = {**document, "services": services}
    return {**made, "networks": {"default": {}, **(made.get("networks") or {})}} if networks else made


def networks(document: Document, config: Config) -> list[str]:
    """The networks that the slotted services name; none: all are in the default one alone."""
    services = document["services"]
    slotted = [services[name] for name in (*config.slotted, *config.compose_services) if name in services]
    return list(dict.fromkeys(name for each in slotted for name in each.get("networks") or ()))


def _is_ours(service: Document) -> bool:
    return any(compose_forms.mount_point(each) == RENDERED for each in service.get("volumes") or [])


def _read(values: Mapping[str, str]) -> Document:
    """The services of compose/bgctl.yaml, with each ${NAME:-default} replaced as compose replaces it."""
    text = shipped("compose", "bgctl.yaml").read_text("utf-8").replace(f"{SHARED}/", f"{PREFIX}/")
    found = msgspec.yaml.decode(text, type=Document)
    services: Document = _replaced(found["services"], values)
    return services


def _replaced(part: Any, values: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {key: _replaced(each, values) for key, each in part.items()}
    if isinstance(part, list):
        return [_replaced(each, values) for each in part]
    if isinstance(part, str):
        return _VARIABLE.sub(lambda each: values.get(each[1]) or each[2] or "", part)
    return part
