"""What nginx and the proxy's Lua are told of the same slots on other hosts."""

import json

from msgspec import Struct

from tests.unit.toolkit.support.rendered import CONFIG
from toolkit.rendering import nginx_conf, settings_json


class Host(Struct, frozen=True):
    name: str
    address: str
    ready: bool = True


HOSTS = [Host("web1", "10.0.0.1"), Host("web2", "10.0.0.2"), Host("web3", "fd00::3", ready=False)]


def test_a_project_on_one_host_has_none() -> None:
    assert nginx_conf.render(CONFIG, hosts=HOSTS[:1]) == nginx_conf.render(CONFIG)
    assert settings_json.render(CONFIG, hosts=HOSTS[:1]) == settings_json.render(CONFIG)


def test_each_host_has_those_of_all_by_name_also_of_one_that_is_away() -> None:
    settings = json.loads(settings_json.render(CONFIG, hosts=HOSTS))
    assert settings["replicas"] == {"frontend": {"blue": ["127.0.0.1:8081"], "green": ["127.0.0.1:8083"]}}
    assert settings["spares"] == {
        "frontend": {
            slot: [
                {"node": "web1", "address": f"10.0.0.1:{port}"},
                {"node": "web2", "address": f"10.0.0.2:{port}"},
                {"node": "web3", "address": f"[fd00::3]:{port}"},
            ]
            for slot, port in (("blue", 8081), ("green", 8083))
        }
    }
    own = [peer for peer in settings["peers"] if "node" not in peer]
    assert own == json.loads(settings_json.render(CONFIG))["peers"]
    theirs = [(peer["node"], peer["slot"], peer["address"]) for peer in settings["peers"] if "node" in peer]
    assert theirs == [
        (host["node"], slot, host["address"])
        for number in range(3)
        for slot in ("blue", "green")
        for host in [settings["spares"]["frontend"][slot][number]]
    ]
    assert {peer["host"] for peer in settings["peers"] if peer["slot"] == "blue"} == {"127.0.0.1:8081"}


def test_lua_chooses_among_them_and_nginx_knows_to_which_slot_each_belongs() -> None:
    conf = nginx_conf.render(CONFIG, hosts=HOSTS)
    assert 'balance("frontend", "blue", "green")' in conf
    failed = conf.split('map "$bg_slot $upstream_addr" $bg_failed {')[1].split("}")[0]
    assert '"blue 10.0.0.2:8081" "";' in failed
    assert '"green 10.0.0.2:8081" green;' in failed
    assert r'"~^blue .*, \[fd00::3\]:8083$" blue;' in failed


def test_the_session_api_of_another_host_is_asked_where_its_own_refuses() -> None:
    upstream = nginx_conf.render(CONFIG, hosts=HOSTS).split("upstream bg_session_api {")[1].split("}")[0]
    servers = [line.split("#")[0].strip() for line in upstream.splitlines() if "server" in line]
    assert servers == [
        "server 127.0.0.1:8090 max_fails=0;",
        *(f"server {host}:8090 max_fails=0 backup;" for host in ("10.0.0.1", "10.0.0.2", "[fd00::3]")),
    ]
