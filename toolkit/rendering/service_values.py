"""What the templates of nginx.conf are told of each service."""

import re

from toolkit.config import Config
from toolkit.values import Address


def of(config: Config) -> list[dict[str, object]]:
    """Each service that has an address, as location.conf.j2 and upstreams.conf.j2 take it."""
    return [
        {
            "name": name,
            "id": _id(name),
            "slotted": service.slotted,
            "guarded": config.is_session_api(service),
            **{key: getattr(service, key) for key in ("blue", "green", "address", "mirror", "connections")},
            "replicas": _replicas(config, name) if service.replicas > 1 else [],
            "timeout": service.timeout.nginx,
            "connect": min(service.timeout, config.proxy.connect_timeout).nginx,
            "read_timeout": service.read_timeout.nginx if service.read_timeout else "",
            "folders": [folder for folder in config.folders if folder.service == name],
            "accelerated": bool(service.accel),
            "assets": list(service.assets),
            "protocol": service.protocol,
            "streams": service.streams,
            "max_body": service.max_body,
            "most": service.max_body.bytes if service.max_body else "",
        }
        for name, service in config.services.items()
        if not service.worker
    ]


def _id(name: str) -> str:
    """A service's name in names of nginx."""
    return name.replace("-", "_")


def _replicas(config: Config, name: str) -> list[tuple[str, Address, str]]:
    """(slot, address, the same as a pattern) of each container of a service that has several in a slot."""
    if not config.services[name].slotted:
        return []
    return [(each.slot, each.address, re.escape(each.address)) for each in config.pair(name)]
