"""What the templates of nginx.conf are told of each service."""

import re
from collections.abc import Sequence

from toolkit.config import Config
from toolkit.engine.host import Host
from toolkit.rendering import spares
from toolkit.values import Address


def of(config: Config, hosts: Sequence[Host] = ()) -> list[dict[str, object]]:
    """Each service that has an address, as location.conf.j2 and upstreams.conf.j2 take it.

    `hosts` are those of a project that has several.
    """
    return [
        {
            "name": name,
            "id": _id(name),
            "slotted": service.slotted,
            "guarded": config.is_session_api(service),
            **{key: getattr(service, key) for key in ("blue", "green", "address", "mirror", "connections")},
            "replicas": _replicas(config, name, hosts),
            "spares": spares.session_apis(config, hosts) if config.is_session_api(service) else [],
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


def _replicas(config: Config, name: str, hosts: Sequence[Host]) -> list[tuple[str, Address, str]]:
    """(slot, address, the same as a pattern) of each container of a service that has several in a slot.

    Those on other hosts are among them.
    """
    own = [(each.slot, each.address) for each in config.pair(name)] if config.services[name].slotted else []
    others = [(each.slot, each.address) for each in spares.of(config, hosts, name)]
    several = others or config.services[name].replicas > 1
    return [(slot, address, re.escape(address)) for slot, address in own + others] if several else []
