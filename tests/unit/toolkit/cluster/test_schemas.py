"""bgctl and agents of different versions: what one of them cannot read is told, and not published."""

import json
from collections.abc import Callable

import pytest

from session_api.cluster import document as documents
from session_api.cluster.document import Document
from session_api.state import document as read_by_agents
from tests.unit.session_api.support.agents import KEYS, Node, state_text
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.server import eventually
from tests.unit.toolkit.support.clusters import CONTROL, Desk, report, state
from toolkit.errors import Refused
from toolkit.state import document

NEWER = document.SCHEMA + 1


def test_the_agent_reads_what_this_bgctl_writes() -> None:
    assert read_by_agents.SCHEMA == document.SCHEMA
    read_by_agents.decode(document.encode(state(1)), "a state")
    newer = state_text(1, schema=NEWER).encode()
    with pytest.raises(read_by_agents.StateError):
        read_by_agents.decode(newer, "a state of the next schema")
    assert document.schema_of(newer) == NEWER
    assert document.schema_of(b"no state") == 0


@pytest.mark.whole
def test_an_agent_that_does_not_read_it_is_named_and_nothing_is_published(server: RedisServer) -> None:
    desk = Desk(server, "web1", "web2")
    with server.client() as client:
        report(client, "web1", 0, 0, reads=NEWER)
        report(client, "web2", 0, 0, reads=document.SCHEMA - 1)
        with pytest.raises(Refused, match="that of web2 reads schema 1") as caught:
            desk.publish(state(1))
        assert caught.value.next.startswith("bgctl up")
        assert client.get(KEYS.document) is None
        desk.publish(state(1), starts=True)  # `up`, which brings newer agents
        desk.publish(state(2), without={"web2"})
        assert json.loads(client.get(KEYS.document) or "")["without"] == ["web2"]


@pytest.mark.whole
def test_an_older_bgctl_beside_a_newer_document_leaves_it_alone(server: RedisServer) -> None:
    text = state_text(9, schema=NEWER)
    with server.client() as client:
        client.set(KEYS.document, documents.encode(Document(3, text)))
        desk = Desk(server)
        with pytest.raises(Refused, match=f"it has schema {NEWER}, and this one reads up to") as caught:
            desk.cluster.state()
        assert "DEL" not in caught.value.next, "a good document is not to be thrown away"
        assert caught.value.next == "install that bgctl here as well: pipx upgrade bgctl"


@pytest.mark.whole
def test_a_new_agent_beside_an_old_document_takes_it(server: RedisServer, node: Callable[..., Node]) -> None:
    web = node("web1")
    web.start()
    text = state_text(4, schema=1)
    with server.client() as client:
        client.set(KEYS.document, documents.encode(Document(1, text)))
        web.has(text)
        assert web.reports(client, generation=4)["reads"] == document.SCHEMA
    assert Desk(server, "web1").cluster.state() == document.decode(text.encode())


@pytest.mark.whole
def test_an_old_agent_beside_a_new_document_keeps_what_it_has_and_says_so(
    server: RedisServer, node: Callable[..., Node]
) -> None:
    web = node("web1")
    web.start()
    desk = Desk(server, "web1")
    desk.publish(state(1), starts=True)
    proxy = desk.cluster.proxy(CONTROL)
    proxy.wait_applied(1, 60)
    before = web.text
    with server.client() as client:
        client.set(KEYS.document, documents.encode(Document(9, state_text(2, schema=NEWER))))
        said = eventually(lambda: web.report(client).get("error"), bool)
    assert "the document in Redis cannot be used" in str(said)
    assert web.text == before
