"""A service that the compose file has once, with replicas: each is derived, at a port of its own."""

from pathlib import Path

from toolkit.config import parse
from toolkit.engine.compose_lines import place
from toolkit.engine.derivation import Derivation

ROOT = Path(__file__).parents[4]
TOML = """
[project]
name = "shop"
[services.web]
routes = ["/"]
port = 8000
blue = "127.0.0.1:8081"
green = "127.0.0.1:9081"
health = "/h"
replicas = 2
[services.worker]
routes = []
replicas = 2
"""
FOUND = {"services": {"web": {"image": "web:1"}, "worker": {"image": "web:1", "deploy": {"replicas": 5}}}}


def test_each_replica_is_derived_at_a_port_of_its_own() -> None:
    versions = {"blue": "1.6.7", "green": "1.6.8"}
    found = {"blue": FOUND, "green": FOUND}
    made = Derivation(parse(TOML), found, versions, "no", [ROOT / "compose" / "compose.yaml"]).document()
    ports = {name: each.get("ports") for name, each in made["services"].items()}
    assert ports == {
        "web-blue": ["127.0.0.1:8081:8000"],
        "web-blue-2": ["127.0.0.1:8082:8000"],
        "web-green": ["127.0.0.1:9081:8000"],
        "web-green-2": ["127.0.0.1:9082:8000"],
        **dict.fromkeys(("worker-blue", "worker-blue-2", "worker-green", "worker-green-2")),
    }
    second, first = made["services"]["web-green-2"], made["services"]["web-green"]
    assert second == {**first, "ports": second["ports"]}
    assert second["image"] == "web:1.6.8"
    assert "deploy" not in made["services"]["worker-blue-2"], "bgctl.toml says how many there are"


def test_a_derived_replica_stands_where_its_service_does(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services:\n  web:\n    image: web:1\n")
    assert place([path], "web-green-2", "image") == place([path], "web-green", "image") == "compose.yaml:3"
