"""A service of a swarm, seen as one container that runs when all of its tasks run."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from toolkit.engine.container import (
    COMES_BACK,
    Container,
    Health,
    HealthCheck,
    HostPort,
    HostSettings,
    Mount,
    RestartPolicy,
    Settings,
    Status,
)
from toolkit.swarm.tasks import ENDED, STARTING, Standing


def of(standing: Standing, image_id: str) -> Container:
    """The service as one container. Its id changes when it is specified anew; `image_id` is of its image."""
    service, template = standing.service, standing.service.container
    return Container(
        id=f"{service.id}.{service.digest}",
        state=_status(standing),
        config=Settings(
            image=service.image.partition("@")[0],
            labels=service.spec.labels,
            env=template.get("Env"),
            healthcheck=_healthcheck(template),
        ),
        mounts=[*_mounts(template)],
        host=HostSettings(
            restart=RestartPolicy(COMES_BACK if service.comes_back else "no"),
            ports=_ports(service.spec.endpoint),
        ),
        created=service.created,
        image_id=image_id,
    )


def _status(standing: Standing) -> Status:
    places = standing.places
    started = max((place.task.status.at for place in places), default="")
    code = next((place.task.status.container.exit_code for place in places if not place.runs), 0)
    if standing.running:
        return Status("running", True, 0, started, health=Health("healthy"))
    over = bool(places) and all(place.task.state in ENDED for place in places)
    if over and not standing.service.comes_back:
        return Status("exited", False, code, started, words=standing.words if standing.problems else "")
    starting = any(place.task.state == STARTING for place in places)
    health = Health("starting") if starting else None
    status = "restarting" if any(place.failed for place in places) else "created"
    return Status(status, False, code, started, health=health, words=standing.words, partly=standing.partly)


def _healthcheck(template: Mapping[str, Any]) -> HealthCheck | None:
    told = template.get("Healthcheck")
    return msgspec.convert(told, HealthCheck) if told else None


def _mounts(template: Mapping[str, Any]) -> Iterator[Mount]:
    for each in template.get("Mounts") or []:
        yield Mount(
            each.get("Source", ""), each.get("Target", ""), each.get("Type", ""), each.get("Source", "")
        )
    for kind in ("Secrets", "Configs"):
        for each in template.get(kind) or []:
            file = each.get("File") or {}
            yield Mount(each.get(f"{kind[:-1]}Name", ""), file.get("Name", ""), kind[:-1].lower())


def _ports(endpoint: Mapping[str, Any]) -> dict[str, list[HostPort] | None]:
    found: dict[str, list[HostPort] | None] = {}
    for each in endpoint.get("Ports") or []:
        name = f"{each.get('TargetPort')}/{each.get('Protocol', 'tcp')}"
        found[name] = [HostPort("", str(each.get("PublishedPort", "")))]
    return found
