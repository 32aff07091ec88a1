"""The containers of a slot: how replicas are called, where they are, and what leaves no place for them."""

import re
from pathlib import Path

import pytest

from toolkit import config
from toolkit.errors import Refused
from toolkit.values import Address

EXAMPLE = (Path(__file__).parents[4] / "bgctl.example.toml").read_text()
WORKER = "\n[services.worker]\nroutes = []\nreplicas = 2\n"
MANY = "\n[services.mail]\nroutes = []\nreplicas = 32\n"


def with_replicas(count: object, green: str = "127.0.0.1:9083") -> str:
    text = EXAMPLE.replace('green = "127.0.0.1:8083"', f'green = "{green}"')
    return text.replace("replicas = 1 ", f"replicas = {count} ")


def test_replicas_have_numbers_and_the_ports_after_the_first() -> None:
    found = config.parse(with_replicas(3) + WORKER)
    frontend = [(each.compose, each.address) for each in found.members("green") if not each.service.worker]
    assert frontend == [
        ("frontend-green", "127.0.0.1:9083"),
        ("frontend-green-2", "127.0.0.1:9084"),
        ("frontend-green-3", "127.0.0.1:9085"),
    ]
    assert [each.compose for each in found.members("blue")][3:] == ["worker-blue", "worker-blue-2"]
    assert (found.placed["worker-green-2"].slot, found.placed["worker-green-2"].name) == ("green", "worker")
    assert len(found.compose_services) == 2 + 6 + 4


def test_without_replicas_the_services_are_the_pair() -> None:
    found = config.parse(EXAMPLE)
    assert found.compose_services == ["proxy", "session-api", "frontend-blue", "frontend-green"]
    assert found.services["frontend"].at("blue") == "127.0.0.1:8081"


def test_the_address_of_a_replica_has_the_same_host() -> None:
    assert Address.parse("[::1]:8081").after(2) == "[::1]:8083"


@pytest.mark.threat(50)
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (with_replicas(0), "services.frontend.replicas"),
        (with_replicas(33), "services.frontend.replicas"),
        (with_replicas('"two"'), "services.frontend.replicas"),
        (
            with_replicas(3, "127.0.0.1:8083"),
            "frontend.blue: has replica 3 at 127.0.0.1:8083, which services.frontend.green has taken; "
            "write addresses that leave room for 3 ports",
        ),
        (
            with_replicas(3, "127.0.0.1:8088"),
            "services.frontend.green: has replica 3 at 127.0.0.1:8090, which services.session-api.address",
        ),
        (
            with_replicas(3, "127.0.0.1:8082"),
            "frontend.blue: has replica 2 at 127.0.0.1:8082, which services.frontend.green has taken",
        ),
        (with_replicas(3, "127.0.0.1:65534"), "services.frontend.green: leaves no ports for 3 replicas"),
        (
            EXAMPLE.replace('timeout = "10s"', "replicas = 2"),
            "services.session-api.replicas: is for a service",
        ),
        (
            with_replicas(32) + MANY + WORKER,
            "66 containers",
        ),
        (
            with_replicas(2) + '[services.frontend-green-2]\nroutes = ["/x/"]\naddress = "127.0.0.1:1"\n'
            'health = "/h"\n',
            "is the name of a slot of frontend",
        ),
    ],
)
def test_50_replicas_without_a_place_are_named(text: str, complaint: str) -> None:
    with pytest.raises(Refused, match=re.escape(complaint)):
        config.parse(text)


def test_the_last_port_is_one() -> None:
    assert config.parse(with_replicas(3, "127.0.0.1:65533")).placed["frontend-green-3"].address.port == 65535
