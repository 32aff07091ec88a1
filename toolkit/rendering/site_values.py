"""What public.conf.j2 is told of each site, and of the neighbours behind this proxy."""

from collections.abc import Mapping, Sequence

from toolkit.config import Config
from toolkit.rendering import sites


def of(
    config: Config, services: Sequence[dict[str, object]], pems: Mapping[str, str]
) -> list[dict[str, object]]:
    """Each server block, that of all other hosts first.

    `services` are as service_values has them; `pems`, the files of certificates by the table that names them.
    """
    by_name = {service["name"]: service for service in services}
    found = sites.of(config)
    falling = {name: service.static or service.assets for name, service in config.services.items()}
    here = {site: list(dict.fromkeys(name for name, _ in site.routes)) for site in found}
    return [
        {
            "several": len(found) > 1,
            "first": site is found[0],
            "names": " ".join(site.hosts) or "_",
            "routes": [
                *[(by_name[name], route) for name, route in site.routes],
                *[(by_name[name], f"@bg_app_{by_name[name]['id']}") for name in here[site] if falling[name]],
            ],
            "folders": [
                (by_name[each.service], each) for each in config.folders if each.service in here[site]
            ],
            "keepers": [by_name[name] for name in here[site] if config.services[name].assets],
            "neighbour": next((each for each in neighbours(config) if each["name"] == site.neighbour), None),
            "refused": site.refused,
            "pem": pems.get(site.certificate, ""),
        }
        for site in found
    ]


def plain(config: Config) -> list[dict[str, object]]:
    """The server blocks of plain HTTP, which redirect to HTTPS or refuse: that of all other hosts first."""
    usual, *named = sites.of(config)
    names = " ".join(host for site in named for host in site.hosts)
    first: dict[str, object] = {"first": True, "names": "_", "refused": usual.refused}
    return [first, *[{"first": False, "names": names, "refused": False}] * usual.refused]


def neighbours(config: Config) -> list[dict[str, object]]:
    return [
        {
            "name": name,
            "id": name.replace("-", "_"),
            "address": each.address,
            "connections": each.connections,
        }
        for name, each in config.neighbours.items()
    ]
