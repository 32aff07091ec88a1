"""`python -m testbed.cluster`: brings a lab up to look at, and takes it down with Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from types import FrameType

from testbed.images.__main__ import FOR_DEMO

from . import Lab, laboratory

IMAGES = [image.name for image in FOR_DEMO]


def main() -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    parser = argparse.ArgumentParser(prog="cluster", description="Several hosts on this machine.")
    parser.add_argument("--nodes", type=int, default=3, help="how many (default: 3)")
    began = time.monotonic()
    try:
        with laboratory(parser.parse_args().nodes, IMAGES) as lab:
            print(f"cluster: up after {time.monotonic() - began:.0f} s", flush=True)
            print(_ways_in(lab), flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("cluster: removed")
    except RuntimeError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    return 0


def _ways_in(lab: Lab) -> str:
    """How to reach each node, to be pasted."""
    lines = []
    for node in lab.nodes:
        lines += [f"{node.name}, {node.address}", f"  docker -H {node.host} ps"]
        lines += [f"  {' '.join(node.entering('bash'))}"]
    pulled = "".join(f"\n  {lab.registry.name(image)}" for image in IMAGES)
    return "\n".join([*lines, f"images:{pulled}", "Ctrl-C removes all of it"])


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
