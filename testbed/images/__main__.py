"""The commands setup/images docker|podman [--remove], and setup/standins docker|podman."""

import argparse
import os
import sys

from testbed.images import demo_app, standins
from toolkit.images import catalogue, make, shell
from toolkit.images.engine import Engine


def main() -> int:
    """Make or remove the images. Exit code 0, or 1 with a message on stderr."""
    options = parse_options()
    os.umask(0o022)  # the containers' users have to read what is laid out here
    engine = Engine(options.engine)
    try:
        with shell.only_one():
            if options.remove:
                make.remove(engine)
                standins.remove(engine)
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
    else:
        make.make(engine, (*catalogue.IMAGES, *demo_app.IMAGES))


if __name__ == "__main__":
    sys.exit(main())
