"""Redis servers and nodes."""

from tests.unit.session_api.support.cluster_fixtures import node, server, start_redis

__all__ = ["node", "server", "start_redis"]
