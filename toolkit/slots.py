"""A slot as a whole: all slotted services start, are proven and stop together."""

from collections.abc import Iterable, Mapping

from toolkit import compose, health, idle, key_mounts, ports, reasons
from toolkit.compose import Compose
from toolkit.config import Service
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.site import Site
from toolkit.state import State
from toolkit.values import Address


def members(site: Site, slot: str) -> list[tuple[str, Service, Address]]:
    """(compose service, configuration, address) of each slotted service."""
    return [(f"{name}-{slot}", each, each.at(slot)) for name, each in site.config.slotted.items()]


def addresses(site: Site, slots: Iterable[str]) -> list[tuple[str, Address]]:
    """(compose service, address) of the proxy, of what is shared, and of `slots`."""
    found = [("proxy", address) for address in site.config.listeners.values()]
    found += [(name, each.at("address")) for name, each in site.config.shared.items()]
    return found + [(name, address) for slot in slots for name, _, address in members(site, slot)]


def public(site: Site) -> list[Address]:
    """Where browsers come."""
    return [address for name, address in site.config.listeners.items() if name != "proxy.control"]


def fault(site: Site, slot: str, version: str) -> str | None:
    """Why a slot does not serve `version` at this moment, or None."""
    for name, service, address in members(site, slot):
        if problem := health.probe(address, service.health, version):
            return f"{name}: {problem}"
    return None


def serves(site: Site, slot: str, version: str) -> bool:
    """Whether all of a slot serves `version`. What this denies gets restarted: see `answers`."""
    return all(answers(address, each.health, version) for _, each, address in members(site, slot))


def prove(site: Site, slot: str, version: str) -> None:
    """Raises Failed with the container's last log lines."""
    for name, service, address in members(site, slot):
        prove_service(site, name, address, service.health, version)


def start(site: Site, slot: str, version: str) -> str:
    """Starts what does not run `version` yet, and proves all of it. Returns a note."""
    env = env_with(site, slot, version)
    for name, service, address in members(site, slot):
        if not (site.engine.running(name) and answers(address, service.health, version)):
            site.engine.up(name, env, site.config.drain.stop_grace)
    prove(site, slot, version)
    return f"{slot} is healthy on {version}"


def answers(address: Address, path: str, version: str | None) -> bool:
    """Whether a service is healthy and, where `version` is given, is that."""
    # Three tries: one slow answer is no reason to restart what may be serving people.
    return any(health.probe(address, path, version) is None for _ in range(3))


def watch_over(site: Site, now: State) -> None:
    """The engine restarts green for as long as it has sessions, as it does blue.

    Best effort, and after the routing: an engine that hangs must not keep a switch or a rollback from it.
    """
    wanted = has_sessions(now)
    for name, _, _ in members(site, "green"):
        try:
            site.engine.keep_running(name, wanted)
        except BgctlError as error:
            if wanted:
                site.ui.warn(f"{error}; next: {error.next}" if error.next else str(error))


def has_sessions(now: State) -> bool:
    """Whether green is production: a candidate and a preview are not."""
    return now.slots.green.state != "maint" and now.phase != "preview"


def watch_idle(site: Site, names: Iterable[str], shared: bool = False, believe: bool = False) -> idle.Watch:
    """Begins to measure how long the services of these slots, and shared ones, keep idle connections."""
    services = [
        (name, address, str(each.health)) for slot in names for name, each, address in members(site, slot)
    ]
    if shared:
        services += [
            (name, each.at("address"), str(each.health)) for name, each in site.config.shared.items()
        ]
    return idle.Watch(services, site.config.proxy.upstream_keepalive, believe)


def stop(site: Site, slot: str) -> str:
    """SIGTERM, the grace, then removal. Nothing to stop is fine."""
    for name, _, _ in members(site, slot):
        site.engine.remove(name, site.config.drain.stop_grace)
    return f"{slot} is stopped"


def dead(site: Site, slot: str) -> bool:
    """Whether the engine does not run all of it, and will not by itself."""
    return any(site.engine.dead(name) for name, _, _ in members(site, slot))


def absent(site: Site, slot: str) -> bool:
    """No container of this slot is left, running or not."""
    found = site.engine.containers()
    return not any(name in found for name, _, _ in members(site, slot))


def wait_empty(site: Site, slot: str) -> str:
    """Until a slot that the state has taken out of routing has nothing open, or the deadlines are over."""
    generation = site.state().generation
    note = site.proxy.wait_empty(slot, generation, site.config.drain, site.ui.progress)
    return f"{slot} {note}"


def prove_service(site: Site, name: str, address: Address, path: str, version: str | None) -> None:
    try:
        health.prove(name, address, path, version, site.config.health, lambda: site.engine.dead(name))
    except Failed as error:
        raise Failed(error.what, error.why, "bgctl status", site.engine.logs(name)) from None


def env_with(site: Site, slot: str, version: str) -> dict[str, str]:
    """The compose environment with `version` in `slot`, the other slot as the state has it."""
    state = site.state()
    blue = version if slot == "blue" else state.slots.blue.version
    green = version if slot == "green" else state.slots.green.version
    return site.compose_env(blue or version, green or version)


def candidate_env(site: Site, version: str) -> dict[str, str]:
    """Both slots on `version`: green as it will be started, and blue as the promotion will start it."""
    return site.compose_env(version, version)


def check_versions(site: Site, found: Compose, version: str) -> None:
    """Raises Refused for a slot that would not be another container on `version`."""
    compose.check_versions(site.config, found, site.compose_path, version, version)


def check_images(
    site: Site, found: Compose, services: list[str], pull: bool, env: Mapping[str, str] | None = None
) -> None:
    """Raises Refused naming every image that is not here and cannot be had, each with the engine's reason.

    `env` is what `found` was read with. An image without a name is made by the compose command itself.
    """
    missing: dict[str, tuple[str, str]] = {}
    for service in services:
        image = found.image(service)
        if image and image not in missing and (trouble := _missing(site, found, service, pull, env)):
            missing[image] = trouble
    if missing:
        names = list(missing)
        what = f"image {names[0]} is missing" if len(names) == 1 else f"images {', '.join(names)} are missing"
        whys, nexts = zip(*missing.values(), strict=True)
        raise Refused(what, "; ".join(whys), "; ".join(dict.fromkeys(nexts)))


def _missing(
    site: Site, found: Compose, service: str, pull: bool, env: Mapping[str, str] | None
) -> tuple[str, str] | None:
    """Why an image cannot be had, and what to run next."""
    image = found.image(service)
    if site.engine.has_image(image):
        return None
    if image.startswith("localhost/"):  # no registry has it: setup/images built it
        return f"{service} needs it", f"setup/images {site.engine.name}   (in a checkout)"
    why, next = f"{service} needs it", f"{site.engine.name} pull {image}"
    if pull:
        try:
            site.engine.pull(image)
        except Failed as error:
            why, next = f"{service} needs it, and {error}", error.next
        else:
            return None
    if env is not None and not reasons.registry_of(image) and found.services[service].build:
        next = site.engine.build_by_hand([service], env)
    return why, next


def check_slot_images(site: Site, slot: str, version: str, pull: bool) -> None:
    """Raises Refused unless a slot could be started on `version`."""
    names = [name for name, _, _ in members(site, slot)]
    env = candidate_env(site, version) if slot == "green" else env_with(site, slot, version)
    found = site.compose(env)
    if slot == "green":
        check_versions(site, found, version)
    mounts = [mount for mount in key_mounts.of(found, site.root, site.keys_dir) if mount.service in names]
    key_mounts.check(mounts, site.keys_dir, site.compose_path)
    check_images(site, found, names, pull, env)


def check_port(site: Site, service: str, address: Address) -> None:
    """Raises Refused when somebody other than this service's own container is there, or it may not be."""
    if service == "proxy" and not site.engine.running(service):
        ports.check_allowed(service, address)
    if not ports.is_free(address) and not site.engine.running(service):
        mend = "stop that, or name another port in bgctl.toml and the compose file"
        raise Refused(f"{address} is taken by {ports.holder(address)}", f"{service} needs it", mend)


def describe(state: State) -> str:
    """ "blue 1.6.7 drain, green 1.6.8 ready 100" """
    slots = (("blue", state.slots.blue), ("green", state.slots.green))
    return ", ".join(
        f"{name} {slot.version} {slot.state}" + f" {slot.weight}" * bool(slot.weight)
        for name, slot in slots
        if slot.version
    )
