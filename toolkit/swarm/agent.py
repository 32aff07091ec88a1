"""The agent's service: one process on each node, from the session API's image (session_api/agent)."""

from typing import Any
from urllib.parse import urlsplit

from toolkit.engine import compose_forms
from toolkit.errors import Refused
from toolkit.swarm.layout import IMAGE_USER, Layout

Document = dict[str, Any]

STORE, PASSWORD = "BGCTL_STORE", "BGCTL_STORE_PASSWORD_FILE"
STATE = "/state/state.json"
WRITE_REDIS = "write BGCTL_STORE=redis://ADDRESS:6379/0 in the env file"


def service(services: Document, layout: Layout) -> Document:
    """As a compose file would have it, from what the session API is told of the store.

    It is in the node's own network, because it asks the proxy's control listener, which is on loopback.
    """
    api = _session_api(services, layout)
    told = _environment(api)
    store = str(told.get(STORE) or "")
    check_store(store, services)
    environment = {
        "BGCTL_NODE": "{{.Node.Hostname}}",
        "BGCTL_PROJECT": layout.name,
        STORE: store,
        "BGCTL_STATE": STATE,
        "BGCTL_CONTROL": f"http://{layout.control}",
    }
    mounted = ["./state:/state"]
    if password := told.get(PASSWORD):
        environment[PASSWORD] = str(password)
        mounted += [each for each in api.get("volumes") or [] if _holds(each, str(password))]
    return {
        "image": api["image"],
        "entrypoint": ["python3", "-m", "session_api.agent"],
        "network_mode": "host",
        "user": IMAGE_USER,
        "read_only": True,
        "cap_drop": ["ALL"],
        "restart": "unless-stopped",
        "environment": environment,
        "volumes": mounted,
        **({"secrets": api["secrets"]} if password and api.get("secrets") else {}),
    }


def check_store(store: str, services: Document) -> None:
    """Raises Refused for a store that not every node, and every agent, can reach."""
    scheme, host = urlsplit(store).scheme, urlsplit(store).hostname or ""
    if not scheme.startswith("redis"):
        why = "sessions and the state of several hosts are in Redis"
        raise Refused("the sessions are in a file of one host", why, WRITE_REDIS)
    if host in services or host in ("localhost", "127.0.0.1", "::1"):
        why = f"{host} is another one, or none, for each node: its agent is on the network of the node itself"
        raise Refused(f"not every node finds Redis at {host}", why, WRITE_REDIS)


def _session_api(services: Document, layout: Layout) -> Document:
    found: Document = next(services[name] for name in layout.session_apis if name in services)
    return found


def _environment(service: Document) -> Document:
    told = service.get("environment") or {}
    if isinstance(told, list):
        return dict(str(line).partition("=")[::2] for line in told)
    return dict(told)


def _holds(volume: object, path: str) -> bool:
    """Whether a mount is where a file is found."""
    point = compose_forms.mount_point(volume).rstrip("/")
    return path == point or path.startswith(f"{point}/")
