"""A primary dies, and a real Sentinel promotes its replica: bgctl, agents and sessions go there, too."""

from collections.abc import Callable, Iterator

import pytest

from session_api.stores.redis.store import RedisStore
from session_api.stores.store import StoreError
from tests.unit.session_api.support.agents import Node
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.sentinel import Watched
from tests.unit.session_api.support.server import eventually
from tests.unit.toolkit.support.clusters import CONTROL, Desk, state

pytestmark = pytest.mark.whole


@pytest.fixture
def watched(start_redis: Callable[..., RedisServer]) -> Iterator[Watched]:
    watched = Watched(start_redis)
    yield watched
    watched.stop()


def test_bgctl_agents_and_sessions_go_over_to_the_new_primary(
    watched: Watched, node: Callable[..., Node]
) -> None:
    web = node(store=watched.address.url)
    web.start()
    desk = Desk(watched, "web1")
    proxy = desk.cluster.proxy(CONTROL)
    desk.publish(state(1), starts=True)
    proxy.wait_applied(1, 60)
    store = RedisStore(watched.address)
    store.ping()
    watched.fail_over()
    eventually(lambda: web.report(watched.replica.client()).get("status"), bool)
    desk.publish(state(2))
    proxy.wait_applied(2, 60)

    def works() -> bool:
        try:
            store.ping()
        except StoreError:
            return False
        return True

    eventually(works, bool)
    store.close()
