"""Blue and green of a service that the compose file has once."""

from pathlib import Path
from typing import Any

import pytest

from toolkit import config
from toolkit.config import Config
from toolkit.engine import derivation
from toolkit.engine.derivation import Derivation
from toolkit.errors import Refused

TOML = """
[project]
name = "shop"
[services.web]
port = 8000
routes = ["/"]
blue = "127.0.0.1:8081"
green = "127.0.0.1:8083"
health = "/health"
[services.session-api]
address = "127.0.0.1:8090"
health = "/readyz"
"""
API = """
[services.api]
port = 9000
routes = ["/api/"]
blue = "127.0.0.1:8181"
green = "127.0.0.1:8183"
health = "/health"
"""
WORKER = """
[services.worker]
routes = []
health = "container"
"""
VERSIONS = {"blue": "1.6.7", "green": "1.6.8"}
Document = dict[str, Any]


def settings(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "bgctl.toml"
    path.write_text(text)
    return config.load(path)


def derive(tmp_path: Path, services: Document, more: str = "", **top: Any) -> Document:
    """The document that is made of these services, which say the same on both versions."""
    found = {"services": services, **top}
    (tmp_path / "compose.yaml").write_text("services:\n" + "".join(f"  {name}:\n" for name in services))
    pair = {"blue": found, "green": found}
    return Derivation(
        settings(tmp_path, TOML + more), pair, VERSIONS, "no", [tmp_path / "compose.yaml"]
    ).document()


def test_a_single_service_becomes_a_pair_and_others_stay_as_they_are(tmp_path):
    web = {
        "image": "shop/web",
        "container_name": "web",
        "profiles": ["app"],
        "ports": ["80:8000"],
        "restart": "always",
        "scale": 3,
        "volumes": ["media:/media:rw"],
        "stop_grace_period": "1m",
    }
    db = {"image": "postgres:17", "container_name": "db", "ports": ["5432:5432"]}
    made = derive(tmp_path, {"web": web, "db": db}, volumes={"media": {}}, version="3.9")
    kept = {"volumes": ["media:/media:rw"], "stop_grace_period": "1m"}
    blue = {**kept, "image": "shop/web:1.6.7", "restart": "unless-stopped", "ports": ["127.0.0.1:8081:8000"]}
    green = {**kept, "image": "shop/web:1.6.8", "restart": "no", "ports": ["127.0.0.1:8083:8000"]}
    services = {"db": db, "web-blue": blue, "web-green": {**green, "profiles": ["deployment"]}}
    assert made == {"services": services, "volumes": {"media": {}}, "version": "3.9"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"image": "web"}, "web:1.6.7"),
        ({"image": "web:latest"}, "web:1.6.7"),
        ({"image": "registry.example:5000/shop/web:1.2"}, "registry.example:5000/shop/web:1.6.7"),
        ({"image": "registry.example:5000/shop/web"}, "registry.example:5000/shop/web:1.6.7"),
        ({"image": "web@sha256:abc"}, "web:1.6.7"),
        ({"image": "web:2", "build": "."}, "web:1.6.7"),
        ({"build": {"context": "."}}, "shop-web:1.6.7"),
    ],
)
def test_the_version_is_the_tag_of_the_image(tmp_path, written, expected):
    made = derive(tmp_path, {"web": written})
    assert made["services"]["web-blue"]["image"] == expected


def test_each_slot_has_what_the_file_says_on_its_version(tmp_path):
    found = {
        slot: {"services": {"web": {"image": "web", "environment": {"RELEASE": version, "VERSION": "9"}}}}
        for slot, version in VERSIONS.items()
    }
    made = Derivation(settings(tmp_path, TOML), found, VERSIONS, "no", [tmp_path / "compose.yaml"]).document()
    told = {name: each["environment"] for name, each in made["services"].items()}
    assert told == {
        "web-blue": {"RELEASE": "1.6.7", "VERSION": "1.6.7"},
        "web-green": {"RELEASE": "1.6.8", "VERSION": "1.6.8"},
    }


def test_who_takes_the_env_file_as_its_environment_reads_its_own_version(tmp_path):
    """podman-compose leaves the name of the file, and the file has the versions of both slots."""
    listed = {"image": "web", "env_file": [".env"], "environment": ["A=b=c", "BARE"]}
    blue = derive(tmp_path, {"web": listed})["services"]["web-blue"]
    assert blue["env_file"] == [".env"]
    assert blue["environment"] == {"A": "b=c", "BARE": None, "CURRENT_VERSION": "1.6.7", "VERSION": "1.6.7"}
    assert "environment" not in derive(tmp_path, {"web": {"image": "web"}})["services"]["web-blue"]


def test_a_one_shot_is_of_the_version_where_it_is_built_or_is_the_apps_image(tmp_path):
    waits = {"condition": "service_completed_successfully"}
    services: Document = {
        "web": {"build": {"context": "."}, "depends_on": {"migrate": waits, "seed": waits, "flyway": waits}},
        "migrate": {"build": {"context": "."}, "command": "migrate"},
        "seed": {"build": {"context": "./seed"}},
        "flyway": {"image": "flyway/flyway:9"},
        "cron": {"build": {"context": "."}},
    }
    made = derive(tmp_path, services)["services"]
    assert made["migrate"]["image"] == made["web-green"]["image"] == "shop-web:1.6.8"
    assert made["seed"]["image"] == "shop-seed:1.6.8"
    assert made["flyway"] == services["flyway"]
    assert made["cron"] == services["cron"]
    assert made["web-blue"]["depends_on"] == services["web"]["depends_on"]
    shared = derive(tmp_path, {"web": {"image": "web", "depends_on": {"m": waits}}, "m": {"image": "web:1"}})
    assert shared["services"]["m"]["image"] == "web:1.6.8"


def test_services_of_one_slot_find_each_other_by_the_names_that_they_know(tmp_path):
    started = {"condition": "service_started"}
    services = {
        "web": {
            "image": "web",
            "depends_on": {"api": started, "db": started},
            "links": ["api:backend", "api"],
        },
        "api": {"image": "api", "networks": ["inner"]},
        "worker": {"image": "web", "depends_on": ["api", "db"], "network_mode": "service:api"},
        "db": {"image": "postgres"},
    }
    made = derive(tmp_path, services, API + WORKER, networks={"inner": {"internal": True}})
    web, api, worker = (made["services"][name] for name in ("web-green", "api-green", "worker-green"))
    assert web["depends_on"] == {"api-green": started, "db": started}
    assert web["links"] == ["api-green:backend", "api-green:api"]
    assert web["networks"] == {"default": None, "bgctl-green": {"aliases": ["web"]}}
    assert api["networks"] == {"inner": None, "bgctl-green": {"aliases": ["api"]}}
    assert worker["depends_on"] == ["api-green", "db"]
    assert worker["network_mode"] == "service:api-green"
    assert "networks" not in worker
    assert "ports" not in worker
    assert made["networks"] == {
        "default": {},
        "inner": {"internal": True},
        "bgctl-blue": {},
        "bgctl-green": {},
    }


def test_who_is_outside_the_slots_refers_to_none(tmp_path):
    """Their containers are not bgctl's to start, and a name without a service would break the whole file."""
    services = {
        "web": {"image": "web"},
        "nginx": {"image": "nginx", "depends_on": ["web", "db"], "links": ["web:app"]},
        "sidecar": {"image": "x", "network_mode": "service:web"},
        "backup": {"image": "x", "volumes_from": ["web:ro"]},
        "cron": {"image": "x", "depends_on": {"web": {}, "sidecar": {}, "db": {}}},
        "db": {"image": "postgres"},
    }
    made = derive(tmp_path, services)["services"]
    assert set(made) == {"web-blue", "web-green", "nginx", "cron", "db"}
    assert made["nginx"] == {"image": "nginx", "depends_on": ["db"], "links": []}
    assert made["cron"]["depends_on"] == {"db": {}}


def test_what_lives_in_a_sidecar_of_a_pair_goes_with_it(tmp_path):
    services = {
        "web": {"image": "web"},
        "sidecar": {"image": "x", "network_mode": "service:web"},
        "exporter": {"image": "x", "pid": "service:sidecar"},
        "backup": {"image": "x", "volumes_from": ["exporter"]},
        "cron": {"image": "x", "depends_on": ["backup"]},
    }
    made = derive(tmp_path, services)["services"]
    assert set(made) == {"web-blue", "web-green", "cron"}
    assert made["cron"]["depends_on"] == []


def test_a_container_or_a_mode_is_no_service_with_the_same_name(tmp_path):
    toml = TOML.replace("services.web", "services.host")
    found = {"services": {"host": {"image": "a"}, "agent": {"image": "b", "pid": "host"}}}
    pair = {"blue": found, "green": found}
    made = Derivation(settings(tmp_path, toml), pair, VERSIONS, "no", [tmp_path / "compose.yaml"]).document()
    assert made["services"]["agent"] == {"image": "b", "pid": "host"}


def test_a_name_of_the_services_own_choice_is_found_in_its_slot_alone(tmp_path):
    """In a network of both slots it would take who calls it to a candidate that nobody has proven."""
    services = {
        "web": {"image": "web", "networks": {"default": {"aliases": ["shop.local"], "priority": 5}}},
        "api": {"image": "api", "container_name": "shop_api", "networks": {"back": {"aliases": ["backend"]}}},
    }
    made = derive(tmp_path, services, API)["services"]
    ours = {"aliases": ["web", "shop.local"]}
    assert made["web-green"]["networks"] == {"default": {"priority": 5}, "bgctl-green": ours}
    assert made["api-blue"]["networks"] == {
        "back": None,
        "bgctl-blue": {"aliases": ["api", "shop_api", "backend"]},
    }
    alone = derive(tmp_path, {"web": services["web"]})["services"]
    assert alone["web-green"]["networks"] == {"default": {"priority": 5}}


def test_a_service_of_the_users_with_the_name_of_a_slot_is_not_lost(tmp_path):
    more = TOML.replace("8083", "8085").replace("port = 8000", "port = 8000\nreplicas = 2")
    found = {"services": {"web": {"image": "web"}, "web-blue-2": {"image": "mine"}}}
    (tmp_path / "compose.yaml").write_text("services:\n  web:\n  web-blue-2:\n")
    pair = {"blue": found, "green": found}
    made = Derivation(settings(tmp_path, more), pair, VERSIONS, "no", [tmp_path / "compose.yaml"])
    with pytest.raises(Refused, match=r"compose.yaml:3: web-blue-2 is a service of yours"):
        made.document()


def test_how_many_there_are_is_not_the_files_to_say(tmp_path):
    deploy = {"replicas": 3, "mode": "replicated", "resources": {"limits": {"cpus": "1"}}}
    made = derive(tmp_path, {"web": {"image": "web", "deploy": deploy}})["services"]
    assert made["web-blue"]["deploy"] == {"resources": {"limits": {"cpus": "1"}}}
    alone = derive(tmp_path, {"web": {"image": "web", "deploy": {"replicas": 3}}})["services"]
    assert "deploy" not in alone["web-blue"]


def test_a_pair_that_is_written_down_stays_as_it_is(tmp_path):
    there: Document = {"services": {"web-blue": {}, "web-green": {}, "worker": {}}}
    assert derivation.singles(there, settings(tmp_path, TOML + WORKER)) == ["worker"]
    assert derivation.singles({"services": {"web": {}, "web-blue": {}}}, settings(tmp_path, TOML)) == []


@pytest.mark.parametrize(
    ("web", "told"),
    [
        ({"image": "web", "network_mode": "host"}, "compose.yaml:2: web has network_mode: host"),
        (
            {"image": "web", "networks": {"front": {"ipv4_address": "10.0.0.9"}}},
            "compose.yaml:2: web has a fixed address in front",
        ),
        ({"image": "web", "mac_address": "02:42:ac:11:65:43"}, "compose.yaml:2: web has a fixed mac_address"),
        ({"image": "web", "network_mode": "none"}, "compose.yaml:2: web has network_mode: none"),
        (
            {"image": "web", "network_mode": "service:vpn"},
            "compose.yaml:2: web has network_mode: service:vpn",
        ),
    ],
)
def test_what_cannot_be_there_twice_is_refused_with_its_line(tmp_path, web, told):
    with pytest.raises(Refused, match=told) as refused:
        derive(tmp_path, {"web": web})
    assert "then run the same command again" in refused.value.next


def test_a_single_service_needs_the_port_at_which_it_listens(tmp_path):
    no_port = TOML.replace("port = 8000\n", "")
    found = {"services": {"web": {"image": "web", "ports": ["8080:3000", "9:9/udp"]}}}
    (tmp_path / "compose.yaml").write_text("services:\n  web:\n    image: web\n")
    pair = {"blue": found, "green": found}
    made = Derivation(settings(tmp_path, no_port), pair, VERSIONS, "no", [tmp_path / "compose.yaml"])
    with pytest.raises(Refused, match=r"no port in \[services.web\]: compose.yaml:2 has web once") as refused:
        made.document()
    assert refused.value.next.startswith("write port = 3000 there")
