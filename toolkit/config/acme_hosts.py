"""The hosts for which [acme] obtains a certificate."""

from toolkit.config import hosts
from toolkit.config.configuration import Config


def of(config: Config) -> tuple[str, ...]:
    """Those that [acme] names, then those of services and neighbours that have no certificate of their own.

    Wildcards are left out: no authority checks those by HTTP (RFC 8555, section 7.1.3).
    """
    own = [host for each in config.certificates.values() for host in each.hosts]
    needed = [
        host
        for host in hosts.named(config)
        if not host.wildcard and not any(hosts.covers(name, host) for name in own)
    ]
    return tuple(dict.fromkeys(str(host) for host in (*config.acme.hosts, *needed)))
