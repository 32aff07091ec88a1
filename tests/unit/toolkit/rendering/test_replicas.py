"""What nginx and the proxy's Lua are told of replicas; and where there are none, nothing is different."""

import json

from tests.unit.toolkit.support.rendered import EXAMPLE, rendered
from toolkit import config
from toolkit.rendering import settings_json

MOVED = ('green = "127.0.0.1:8083"', 'green = "[::1]:9083"')
THREE = ("replicas = 1 ", "replicas = 3 ")
API = """
[services.api]
routes = ["/api/"]
blue = "127.0.0.1:7001"
green = "127.0.0.1:7002"
health = "/h"
"""


def test_a_service_without_replicas_is_rendered_as_ever() -> None:
    """Beside one that has some, too: its requests pay nothing for them."""
    alone, beside = rendered(EXAMPLE + API, MOVED), rendered(EXAMPLE + API, MOVED, THREE)
    assert "balancer" not in alone
    assert "replica" not in alone
    gone = set(alone.splitlines()) - set(beside.splitlines())
    for line in gone:
        assert "7001" not in line
        assert "7002" not in line
    upstreams = [part for part in alone.split("upstream ") if part.startswith("bg_api_")]
    assert len(upstreams) == 6
    assert all(part.strip() in beside for part in upstreams)


def test_a_service_with_replicas_has_upstreams_in_which_lua_chooses() -> None:
    conf = rendered(EXAMPLE, MOVED, THREE)
    calls = [line.split("balance(")[1].split(")")[0] for line in conf.splitlines() if "balance(" in line]
    assert calls == [
        '"frontend", "blue", "green"',
        '"frontend", "blue"',
        '"frontend", "green", "blue"',
        '"frontend", "green", "blue"',
        '"frontend", "green"',
        '"frontend", "blue", "green"',
    ]
    failed = conf.split('map "$bg_slot $upstream_addr" $bg_failed {')[1].split("}")[0]
    assert '"blue 127.0.0.1:8083" "";' in failed
    assert '"green 127.0.0.1:8083" green;' in failed
    assert r'"~^green .*, 127\.0\.0\.1:8083$" green;' in failed
    assert r'"~^blue .*, \[::1\]:9085$" blue;' in failed
    assert failed.count(";") == 1 + 3 * 6


def test_each_replica_is_a_peer() -> None:
    found = config.parse(EXAMPLE.replace(*MOVED).replace(*THREE))
    settings = json.loads(settings_json.render(found))
    assert settings["replicas"] == {
        "frontend": {
            "blue": ["127.0.0.1:8081", "127.0.0.1:8082", "127.0.0.1:8083"],
            "green": ["[::1]:9083", "[::1]:9084", "[::1]:9085"],
        }
    }
    peers = [(each["slot"], each["address"], each["host"]) for each in settings["peers"]]
    assert peers[2:4] == [("blue", "127.0.0.1:8083", "127.0.0.1:8083"), ("green", "[::1]:9083", "[::1]:9083")]
    assert len(peers) == 6
