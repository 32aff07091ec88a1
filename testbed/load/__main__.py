"""`python -m testbed.load`: the child of LoadProcess."""

import asyncio

from .worker import serve

asyncio.run(serve())
