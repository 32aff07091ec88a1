"""`python -m testbed.load`: the child of LoadProcess."""

import asyncio

from .process import serve

asyncio.run(serve())
