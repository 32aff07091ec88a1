"""The commands setup/images docker|podman [--demo|--remove], and setup/standins docker|podman [--recipes]."""

import argparse
import sys

from testbed.images import demo_app, standins
from toolkit.errors import BgctlError, Refused
from toolkit.images import catalogue, make, shell
from toolkit.images.engine import Engine

FOR_DEMO = (catalogue.PROXY, catalogue.SESSION_API, *demo_app.RELEASED)


def main() -> int:
    """Make or remove the images. Exit code 0, or 1 with a message on stderr."""
    options = parse_options()
    report = shell.Report(say)
    engine = Engine(options.engine, report)
    try:
        with shell.only_one(report):
            if options.remove:
                make.remove(engine)
                standins.remove(engine)
            else:
                make_images(engine, options)
    except BgctlError as error:
        lines = [
            str(error),
            *[error.detail] * bool(error.detail),
            *[f"next: {error.next}"] * bool(error.next),
        ]
        print("\n".join(f"setup: {line}" for line in lines), file=sys.stderr)
        return 1
    return 0


def say(message: str) -> None:
    """Print a line; in one write, because bases are made side by side."""
    print(f"setup: {message}\n", end="", flush=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="setup/images", description="Makes the images of stack and demo.")
    parser.add_argument("engine", choices=["docker", "podman"])
    parser.add_argument("--demo", action="store_true", help="make only what `make demo` runs")
    parser.add_argument("--standins", action="store_true", help="make what ordinary projects build from")
    parser.add_argument("--recipes", action="store_true", help="of stand-ins, those for all recipes as well")
    parser.add_argument("--bench", action="store_true", help="of stand-ins, those of `make bench` alone")
    parser.add_argument("--remove", action="store_true", help="remove the images instead, stand-ins too")
    return parser.parse_args()


def make_images(engine: Engine, options: argparse.Namespace) -> None:
    if not engine.answers():
        raise Refused(f"{engine.name} does not answer", next=f"setup/engine {engine.name}")
    if options.standins:
        more = standins.for_recipes() if options.recipes else []
        wanted = standins.for_bench() if options.bench else [*standins.standins(), *more]
        standins.make(engine, wanted)
        return
    images = FOR_DEMO if options.demo else (*catalogue.IMAGES, *demo_app.IMAGES)
    made = make.make(engine, images)
    say(f"images ready in {engine.name} ({len(made)} of {len(images)} made anew)")


if __name__ == "__main__":
    sys.exit(main())
