"""Makes and removes images: each is made again only when its sources or its base have changed."""

from collections.abc import Sequence

from toolkit.engine import diagnosis
from toolkit.errors import Failed
from toolkit.images import bases
from toolkit.images.catalogue import Image
from toolkit.images.context import lay_out, sources_of
from toolkit.images.digest import digest
from toolkit.images.engine import BASE_LABEL, Engine
from toolkit.shipped import PREFIX


def make(engine: Engine, images: Sequence[Image]) -> list[Image]:
    """Leave these images in the engine, each made of its present sources. Returns those made anew.

    Raises Refused or Failed; the caller has taken `shell.only_one`.
    """
    wanted = [image for image in images if not is_current(engine, image)]
    bases.ensure(engine, list({image.base.name: image.base for image in wanted}.values()))
    for image in wanted:
        build(engine, image)
    return wanted


def is_of_us(engine: Engine, image: Image) -> bool:
    """Whether the engine has it, made from the very sources of this bgctl, on whichever base."""
    return engine.label(image.name) == source(image)


def is_current(engine: Engine, image: Image) -> bool:
    """Whether it is of us, on the base that is here now. A base that has been removed is not missed."""
    if not is_of_us(engine, image):
        return False
    base = engine.id(image.base.name)
    return not base or (bases.is_current(engine, image.base) and engine.label(image.name, BASE_LABEL) == base)


def source(image: Image) -> str:
    """Hash of all that bgctl puts into an image, and of what it asks of the base."""
    base = (image.base.upstream, bases.recipe(image.base))
    return digest(base, sorted(image.args.items()), *sources_of(image))


def build(engine: Engine, image: Image) -> None:
    engine.report.tell(f"building {image.name}")
    try:
        engine.build(image, lay_out(image, engine.report), source(image))
    except Failed as error:
        again = "run the same command again"
        raise diagnosis.of_build(error, error.detail, engine.name, image.name, again) from None


def remove(engine: Engine) -> None:
    """Remove every image below this checkout's prefix; bases, which all checkouts share, stay."""
    names = engine.images(PREFIX)
    if names:
        engine.run("rmi", *names)
        engine.report.tell(f"{len(names)} images removed from {engine.name}")
