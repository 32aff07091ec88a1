"""All certificates of the proxy: that of [tls], and those of [certificates.*] for hosts of their own.

Whoever asks for certificates, their hosts or their ends goes through this module: `all_of` says which there
are to be, by bgctl.toml alone, and `load` reads and checks them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from toolkit.config import Config, hosts
from toolkit.errors import Refused
from toolkit.rendering import certificate
from toolkit.rendering.certificate import Certificate

NONE_GIVEN: Mapping[str, Certificate] = {}


class Source(Struct, frozen=True):
    """Where a certificate and its key are, as paths below the project's folder.

    `hosts` are those that it is for; none: those that no other one is for. `setting` is the table that names
    it, for messages.
    """

    hosts: tuple[str, ...]
    certificate: str
    key: str
    setting: str


class Loaded(Struct, frozen=True):
    """A certificate that fits its key and its hosts."""

    source: Source
    found: Certificate

    @property
    def path(self) -> str:
        return self.source.certificate

    @property
    def not_after(self) -> datetime:
        return self.found.until

    @property
    def serves(self) -> tuple[str, ...]:
        """The hosts for which browsers are shown it; for that of [tls], the names in it."""
        return self.source.hosts or self.found.names


def all_of(config: Config) -> list[Source]:
    """That of [tls] first, then the others in the order of bgctl.toml; none where there is no TLS."""
    if not config.tls.on:
        return []
    usual = Source((), str(config.tls.certificate), str(config.tls.key), "tls")
    more = [
        Source(tuple(map(str, each.hosts)), str(each.certificate), str(each.key), f"certificates.{name}")
        for name, each in config.certificates.items()
    ]
    return [usual, *more]


def of_host(sources: Sequence[Source], host: str) -> Source:
    """The one for a host: that which names it, else a wildcard that covers it, else that of [tls]."""
    exact = (each for each in sources if host in each.hosts)
    wide = (each for each in sources if any(hosts.covers(name, host) for name in each.hosts))
    return next(exact, None) or next(wide, None) or sources[0]


def load(
    config: Config, root: Path, now: datetime, given: Mapping[str, Certificate] = NONE_GIVEN
) -> list[Loaded]:
    """All of them, read and checked; expired ones too (see certificate.check_time).

    `given` are those that have no file yet, by the table that names them. Raises Refused for the first that
    is no good, or that is not for a host for which it would be shown.
    """
    loaded = []
    for each in all_of(config):
        found = given.get(each.setting) or certificate.load(root / each.certificate, root / each.key, now)
        loaded.append(Loaded(each, found))
    for one in loaded:
        wanted = dict.fromkeys((*one.source.hosts, *shown_for(config, one.source)))
        _check_hosts(one, wanted, obtained=config.acme.on and one.source.setting == "tls")
    return loaded


def shown_for(config: Config, source: Source) -> list[str]:
    """The hosts that bgctl.toml names for which browsers are shown this one."""
    sources = all_of(config)
    return [str(host) for host in hosts.named(config) if of_host(sources, host) == source]


def expiries(loaded: Iterable[Loaded]) -> dict[str, int]:
    """The last moment (Unix time) of each, by its first name."""
    return {each.found.names[0]: int(each.not_after.timestamp()) for each in loaded if each.found.names}


def _check_hosts(one: Loaded, wanted: Iterable[str], obtained: bool) -> None:
    """Raises Refused unless the certificate is for all of these hosts. `obtained`: by [acme]."""
    names = one.found.names
    if missing := [host for host in wanted if not any(hosts.covers(name, host) for name in names)]:
        why = f"[{one.source.setting}] would show it there, and it is for {', '.join(names) or 'no name'}"
        if obtained and not missing[0].startswith("*."):
            raise Refused(f"{one.path} is not for {missing[0]}", why, "bgctl certificate")
        mend = f'get one that is, and name it: [certificates.NAME] with hosts = ["{missing[0]}"]'
        raise Refused(f"{one.path} is not for {missing[0]}", why, mend)
