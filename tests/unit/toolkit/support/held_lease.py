"""A bgctl of its own that holds the lease: it publishes the generations that it is told, a line each.

python3 -m tests.unit.toolkit.support.held_lease URL SECONDS
"""

import sys

from session_api.stores.redis.address import RedisAddress
from tests.unit.session_api.support.agents import PROJECT
from tests.unit.toolkit.support.clusters import state
from toolkit.cluster.cluster import Cluster
from toolkit.errors import BgctlError

cluster = Cluster(RedisAddress(sys.argv[1]), PROJECT, frozenset, lasts=float(sys.argv[2]))
with cluster.change("deploy 1.6.8"):
    print("held", flush=True)
    for line in sys.stdin:
        try:
            cluster.publish(state(int(line)))
        except BgctlError as error:
            print(error.line, flush=True)
        else:
            print("published", flush=True)
