"""Makes and removes images: each is made again only when its sources or its base have changed."""

from collections.abc import Sequence

from toolkit.images import bases
from toolkit.images.catalogue import BASES, PREFIX, Image
from toolkit.images.context import digest, lay_out, sources_of
from toolkit.images.engine import Engine
from toolkit.images.shell import say


def make(engine: Engine, images: Sequence[Image]) -> None:
    """Leave these images in the engine, each made of its present sources. Raises SetupError."""
    bases.ensure(engine, BASES)
    made = [image.name for image in images if ensure(engine, image)]
    say(f"images ready in {engine.name} ({len(made)} of {len(images)} made anew)")


def ensure(engine: Engine, image: Image) -> bool:
    """Build the image unless the engine has it from these very sources. Returns whether it was built."""
    source = digest(engine.id(image.base.name), sorted(image.args.items()), *sources_of(image))
    if engine.label(image.name) == source:
        return False
    say(f"building {image.name}")
    engine.build(image, lay_out(image), source)
    return True


def remove(engine: Engine) -> None:
    """Remove every image below this checkout's prefix; bases, which all checkouts share, stay."""
    names = engine.images(PREFIX)
    if names:
        engine.run("rmi", *names)
        say(f"{len(names)} images removed from {engine.name}")
