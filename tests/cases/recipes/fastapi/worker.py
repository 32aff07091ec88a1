"""Takes jobs until SIGTERM, and finishes the one that it has."""

import os

from redis import Redis
from rq import Worker

Worker(["thumbs"], connection=Redis.from_url(os.environ["REDIS_URL"])).work()
