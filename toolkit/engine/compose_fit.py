"""Whether the compose file fits bgctl.toml and its releases; each misfit with file, line and mend."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from toolkit.config import Config
from toolkit.config.tables import Tokens
from toolkit.engine import compose_forms
from toolkit.engine.compose import Compose
from toolkit.engine.compose_lines import names, place
from toolkit.errors import BgctlError, NotYet, Refused, together
from toolkit.files.env_file import VERSIONS
from toolkit.values import SLOTS

VARIABLES = dict(zip(SLOTS, VERSIONS, strict=True))  # the variable that says which version a slot has
LIFE = "BGCTL_TOKEN_TTL"  # how long the session API's tokens last, in seconds
# Where the app's own tokens are, and where in them is the version: by the setting's name.
PLACES = {
    "version_claim": "BGCTL_VERSION_CLAIM",
    "cookies": "BGCTL_TOKEN_COOKIES",
    "headers": "BGCTL_TOKEN_HEADERS",
}


def check(config: Config, compose: Compose, *paths: Path) -> None:
    """Raises Refused naming the compose file, a line and the mend. `paths`: the files that make it up."""
    if found := list(problems(config, compose, *paths)):
        raise together(found)


def problems(config: Config, compose: Compose, *paths: Path) -> Iterator[BgctlError]:
    """Where the compose file does not fit bgctl.toml: file, line and mend."""
    yield from misfits(config, compose, *paths)
    yield from unready(config, compose, *paths)


def misfits(config: Config, compose: Compose, *paths: Path) -> Iterator[BgctlError]:
    """What keeps a service from coming up at the address that bgctl.toml has for it."""
    yield from absent(compose, config.compose_services, paths)
    for service, address in _addresses(config).items():
        found = compose.services.get(service)
        if found and found.network_mode != "host" and address not in found.published:
            why = f'bgctl.toml has it on {address}; publish it there: ports: ["{address}:PORT"]'
            yield Refused(f"{place(paths, service, 'ports')}: {service}", why, _edit(paths))
    yield from _shorter_lives(config, compose, paths)


def unready(config: Config, compose: Compose, *paths: Path) -> Iterator[BgctlError]:
    """What keeps a release from beginning; a version that has served people comes back all the same."""
    yield from _unnamed(config, compose, paths)
    yield from _unlike(config, compose, paths)
    yield from _other_places(config, compose, paths)


def absent(compose: Compose, wanted: Iterable[str], paths: Sequence[Path]) -> Iterator[BgctlError]:
    """The services of these that the compose file does not have."""
    for service in wanted:
        if service not in compose.services:
            what = f"{names(paths)}: no service {service}"
            yield Refused(what, "bgctl.toml needs it; add it", _edit(paths))


def _unnamed(config: Config, compose: Compose, paths: Sequence[Path]) -> Iterator[BgctlError]:
    """An image that is built has no name of its own, and the two versions of a slot would share one."""
    for name, slot, service in _slotted(config):
        if service in compose.services and not compose.image(service):
            where = f"{place(paths, service, 'build')}: {service} is built without a name"
            why = f"write image: {config.project.name}-{name}:${{{VARIABLES[slot]}}}"
            yield Refused(where, why, _edit(paths))


def _unlike(config: Config, compose: Compose, paths: Sequence[Path]) -> Iterator[BgctlError]:
    """A replica with another image than the first one: it would be another app, and is not built."""
    for name in config.slotted:
        for each in config.pair(name):
            found, first = (compose.services.get(one) for one in (each.compose, f"{name}-{each.slot}"))
            if found and first and found.image != first.image:
                where = f"{place(paths, each.compose, 'image')}: {each.compose} has another image"
                why = f"it is a replica of {name}-{each.slot}; write the image that this has ({first.image})"
                yield Refused(where, why, _edit(paths))


def alike(
    config: Config,
    compose: Compose,
    paths: Sequence[Path],
    versions: tuple[str, str],
    serving: str = "",
) -> Iterator[BgctlError]:
    """Slots that are the same on every version, in a file that was read with `versions` for blue and green.

    Where the version that is `serving` is written into a slot, that slot cannot run another one: Refused.
    Where the name of an image says no version at all, the app may still answer with its own: NotYet.
    """
    for _, slot, service in _slotted(config):
        found = compose.services.get(service)
        if found and found.image and not found.mentions(versions[SLOTS.index(slot)]):
            where = f"{place(paths, service, 'image')}: {service} is the same on every version"
            why, next = (
                f"write image: {compose_forms.repository(found.image)}:${{{VARIABLES[slot]}}}",
                _edit(paths),
            )
            yield (Refused if not serving or found.mentions(serving) else NotYet)(where, why, next)


def _slotted(config: Config) -> list[tuple[str, str, str]]:
    """(name, slot, compose service) of each slotted service."""
    return [(each.name, each.slot, each.compose) for name in config.slotted for each in config.pair(name)]


def _shorter_lives(config: Config, compose: Compose, paths: Sequence[Path]) -> Iterator[BgctlError]:
    """A session API that is not told how long tokens last, and would sign tokens that the proxy refuses.

    With the default of [tokens] longest it need not be told; a compose file may also name a shorter life.
    """
    longest, usual = int(config.tokens.longest), int(Tokens().longest)
    for service, shared in config.shared.items():
        if shared.address == config.sessions.address and service in compose.services:
            told = compose.services[service].variable(LIFE)
            lasts = int(told) if told and re.fullmatch("[0-9]{1,9}", told) else usual
            if lasts > longest or (longest != usual and told != str(longest)):
                why = f"[tokens] longest is {longest} s there; add to its environment {LIFE}: ${{{LIFE}}}"
                where = f"{place(paths, service, 'environment')}: {service} is told {LIFE}={told or ''}"
                yield Refused(where, why, _edit(paths))


def _other_places(config: Config, compose: Compose, paths: Sequence[Path]) -> Iterator[BgctlError]:
    """A session API that looks elsewhere for tokens, or for the version in them, than the proxy does."""
    wanted, usual = config.tokens.environment, Tokens().environment
    for service, shared in config.shared.items():
        found = compose.services.get(service)
        if not found or shared.address != config.sessions.address:
            continue
        for setting, variable in PLACES.items():
            told = found.variable(variable) or usual[variable]
            if told != wanted[variable]:
                is_it = f'[tokens] {setting} is "{wanted[variable]}"'
                where = f"{place(paths, service, 'environment')}: {service} is told {variable}={told}"
                why = f"{is_it}; add to its environment {variable}: ${{{variable}}}"
                yield Refused(where, why, _edit(paths))


def _addresses(config: Config) -> dict[str, str]:
    slots = {each.compose: each.address for name in config.reached for each in config.pair(name)}
    return {**{name: each.at("address") for name, each in config.shared.items()}, **slots}


def _edit(paths: Sequence[Path]) -> str:
    """The next step for what compose files lack."""
    return f"edit {' or '.join(path.name for path in paths)}, then run the same command again"
