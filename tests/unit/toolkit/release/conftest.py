"""A Redis server, for projects of several hosts."""

from tests.unit.session_api.support.cluster_fixtures import server, start_redis

__all__ = ["server", "start_redis"]
