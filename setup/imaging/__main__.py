"""The commands: setup/images docker|podman [--remove], and setup/standins docker|podman."""

import argparse
import os
import sys

from setup.imaging import bases, shell, standins
from setup.imaging.catalogue import BASES, IMAGES, PREFIX, Image
from setup.imaging.context import digest, lay_out, sources_of
from setup.imaging.engine import Engine


def main() -> int:
    """Make or remove the images. Exit code 0, or 1 with a message on stderr."""
    options = parse_options()
    os.umask(0o022)  # the containers' users have to read what is laid out here
    engine = Engine(options.engine)
    try:
        with shell.only_one():
            if options.remove:
                remove_images(engine)
            else:
                make_images(engine, options.standins)
    except shell.SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="setup/images", description="Makes the images of stack and demo.")
    parser.add_argument("engine", choices=["docker", "podman"])
    parser.add_argument("--standins", action="store_true", help="make what ordinary projects build from")
    parser.add_argument("--remove", action="store_true", help="remove the images instead, stand-ins too")
    return parser.parse_args()


def make_images(engine: Engine, only_standins: bool) -> None:
    if not engine.answers():
        raise shell.SetupError(f"{engine.name} does not answer: run setup/engine {engine.name} first")
    if only_standins:
        standins.make(engine)
        return
    bases.ensure(engine, BASES)
    made = [image.name for image in IMAGES if ensure_image(engine, image)]
    shell.say(f"images ready in {engine.name} ({len(made)} of {len(IMAGES)} made anew)")


def ensure_image(engine: Engine, image: Image) -> bool:
    """Build the image unless the engine has it from these very sources. Returns whether it was built."""
    source = digest(engine.id(image.base.name), sorted(image.args.items()), *sources_of(image))
    if engine.label(image.name) == source:
        return False
    shell.say(f"building {image.name}")
    engine.build(image, lay_out(image), source)
    return True


def remove_images(engine: Engine) -> None:
    names = engine.images(PREFIX)
    if names:
        engine.run("rmi", *names)
        shell.say(f"{len(names)} images removed from {engine.name}")
    standins.remove(engine)


if __name__ == "__main__":
    sys.exit(main())
