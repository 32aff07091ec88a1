"""The images of a swarm: every node has to be able to pull them, and runs exactly what the manager has."""

from collections.abc import Callable

from toolkit.engine.compose_forms import repository
from toolkit.engine.diagnosis import registry_of
from toolkit.engine.engine import Engine
from toolkit.engine.images import digests_of
from toolkit.errors import Failed, Refused


def pinned(engine: Engine, image: str, alone: Callable[[], bool]) -> str:
    """The image with the digest under which its registry has it: pushed there where it is not known to be.

    `alone`: whether this host is the only node of the project; then a name without a registry will do.
    """
    if "@" in image:
        return image
    facts = engine.image_facts(image)
    if facts is None:
        engine.pull(image)
        facts = engine.image_facts(image)
    if facts is None:
        raise Failed(
            f"{image} is not here", "it was pulled, and the engine does not have it", "docker images"
        )
    if found := digests_of(image, facts):
        return _with_digest(image, found[0])
    if not registry_of(image):
        if alone():
            return image
        raise here_alone(image)
    engine.push(image)
    facts = engine.image_facts(image)
    if facts and (found := digests_of(image, facts)):
        return _with_digest(image, found[0])
    raise Failed(f"{image} has no digest", "it was pushed, and the engine notes none", f"docker push {image}")


def reaches_nobody(engine: Engine, image: str, built: bool) -> bool:
    """Whether nodes could not have an image. `built`: it is made on this host, where it is not here yet."""
    if "@" in image or registry_of(image):
        return False
    if facts := engine.image_facts(image):
        return not digests_of(image, facts)
    return built or image.startswith("localhost/")


def here_alone(image: str) -> Refused:
    why = "its name has no registry, and the other nodes can have it from nowhere else"
    name = f"REGISTRY/{image.removeprefix('localhost/')}"
    mend = f"name it {repository(name)} in the compose file or the env file"
    return Refused(f"{image} is on this host alone", why, f"{mend}; then: docker tag {image} {name}")


def _with_digest(image: str, digest: str) -> str:
    return f"{image}@{digest.partition('@')[2]}"
