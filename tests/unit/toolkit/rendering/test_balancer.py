"""[proxy] balancer_path: where the proxy answers a load balancer, and which paths it may not be."""

import json
import re

import pytest

from tests.unit.toolkit.rendering.test_sites import BLOG, HOSTS, NEIGHBOUR, REFUSE
from tests.unit.toolkit.support.rendered import EXAMPLE, WITH_TLS, rendered
from toolkit import config
from toolkit.errors import Refused
from toolkit.rendering import settings_json

OFF = 'balancer_path = ""'
PATH = (OFF, 'balancer_path = "/bgctl-health"')
PLACE = "location = /bgctl-health {"
ROUTES = 'routes = ["/"]'


def answering(conf: str) -> dict[str, bool]:
    """For each server block, by its names and whether it has TLS, whether it answers there."""
    blocks = re.findall(r"\n    server \{\n(.*?)\n    \}", conf, re.DOTALL)
    names = [re.search(r"server_name (.*);", block) for block in blocks]
    kinds = {" ssl": " tls", "/status": " control"}
    return {
        f"{name[1]}{''.join(kinds[word] for word in kinds if word in block)}": PLACE in block
        for name, block in zip(names, blocks, strict=True)
        if name
    }


def test_it_is_off_by_default_and_then_nothing_is_rendered() -> None:
    assert "bgctl-health" not in rendered(EXAMPLE)
    given = json.loads(settings_json.render(config.parse(EXAMPLE)))
    assert (given["balancer_path"], given["node_file"]) == ("", "/state/node.json")


def test_each_listener_answers_at_every_host_but_those_of_neighbours() -> None:
    conf = rendered(WITH_TLS + BLOG + NEIGHBOUR, HOSTS, PATH, REFUSE)
    found = answering(conf)
    assert {name for name, answers in found.items() if not answers} == {"wiki.example tls", "_ control"}
    assert {"_", "_ tls", "shop.example www.shop.example tls"} < set(found), found


def test_an_answer_passes_neither_the_gate_nor_limits_nor_a_slot() -> None:
    conf = rendered(EXAMPLE, PATH, ('requests = "off"', 'requests = "20/s"'))
    place = conf.partition(PLACE)[2].partition("}\n")[0]
    assert place.split() == ["content_by_lua_block", "{", 'require("bg.answers").node()']


def test_explain_knows_that_no_service_has_it() -> None:
    text = (EXAMPLE + BLOG + NEIGHBOUR).replace(*HOSTS).replace(*PATH)
    given = json.loads(settings_json.render(config.parse(text)))
    own = {"location": "= /bgctl-health"}
    assert own in given["routes"]
    assert all((own in site["routes"]) is ("neighbour" not in site) for site in given["sites"])


@pytest.mark.parametrize(
    ("path", "routes"),
    [
        ("/up", 'routes = ["/", "= /up"]'),
        ("/up", 'routes = ["/", "/up"]'),
        ("/up", 'routes = ["/", "/up/"]'),
        ("/api/deployment/health", ROUTES),
        ("/api/deployment", ROUTES),
    ],
)
def test_it_takes_no_path_of_a_service(path: str, routes: str) -> None:
    text = EXAMPLE.replace(OFF, f'balancer_path = "{path}"').replace(ROUTES, routes, 1)
    with pytest.raises(Refused, match=r"proxy\.balancer_path: is a path of \[services\."):
        config.parse(text)


@pytest.mark.parametrize(
    "path", ["up", "/", "/up/", "/_bgctl/up", "/.well-known/x", "/a/../b", "/a b", "/a{", "/a?b", "//a"]
)
def test_what_is_no_path_of_its_own_is_refused(path: str) -> None:
    with pytest.raises(Refused, match=r"proxy\.balancer_path: .* is not a path of its own"):
        config.parse(EXAMPLE.replace(OFF, f'balancer_path = "{path}"'))
