"""`python3 -m app`: reads the environment, and serves until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from .server import create_app, serve
from .settings import from_env


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        settings = from_env(os.environ)
    except ValueError as error:
        print(f"demo app: {error}", file=sys.stderr)
        return 2
    asyncio.run(serve(create_app(settings)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
