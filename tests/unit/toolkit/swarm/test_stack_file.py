"""From what a compose command prints to a stack file: nothing of the app is lost in silence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from toolkit import config
from toolkit.engine import yaml_text
from toolkit.errors import BgctlError, Refused
from toolkit.swarm.layout import AGENT, Layout
from toolkit.swarm.stack_file import StackFile
from toolkit.swarm.tasks import SPECIFIED

ROOT = Path(__file__).parents[4]
HERE = Path("/srv/shop")
EXAMPLE = (ROOT / "bgctl.example.toml").read_text()
SWARM = EXAMPLE.replace('engine = "auto" ', 'engine = "swarm"')
# Printed by `docker-compose config` of compose/compose.yaml, by these versions, in the folder /srv/shop.
PRINTED = ("docker-compose-1.29.yaml", "docker-compose-2.26.yaml")
FILES = {
    "keys/verify": {"keyring.json": b"ring"},
    "keys/pin": {"pin.secret": b"pin"},
    "keys/signing": {"k.pem": b"private"},
    "keys/service": {"service.key": b"service"},
    "keys/admin": {"admin.key": b"admin"},
    "keys/proxy": {"proxy.key": b"proxy"},
    "proxy": {
        "nginx.conf": b"conf",
        "settings.json": b"{}",
        "nginx.conf.new": b"tried",
        "tls/a.pem": b"a key",
        "log/access.log": b"GET /",
    },
}


def read(path: Path) -> Mapping[str, bytes]:
    return FILES.get(str(path.relative_to(HERE)), {})


def stack(document: dict[str, Any], text: str = SWARM) -> StackFile:
    layout = Layout.of(config.parse(text), HERE, [ROOT / "compose" / "compose.yaml"])
    return StackFile(document, layout, read)


def printed(name: str) -> dict[str, Any]:
    return yaml_text.read((Path(__file__).parent / "printed" / name).read_text(), doubled=False)


def made(service: str, name: str = PRINTED[0]) -> dict[str, Any]:
    return stack(printed(name)).of(service, "registry.example/x@sha256:1")


def one(**service: object) -> dict[str, Any]:
    """What becomes of a service of the app that bgctl has nothing to do with."""
    document = {"services": {"db": {"image": "db:1", **service}}}
    found: dict[str, Any] = stack(document).of("db", "db:1")["services"]["db"]
    return found


def refused(**service: object) -> BgctlError:
    with pytest.raises(Refused) as caught:
        one(**service)
    return caught.value


@pytest.mark.parametrize("service", ["proxy", "session-api", "frontend-blue", "frontend-green", AGENT])
def test_both_forms_of_a_compose_file_make_one_stack_file(service: str) -> None:
    assert made(service, PRINTED[0]) == made(service, PRINTED[1])


@pytest.mark.parametrize("service", ["proxy", "session-api", "frontend-blue", "frontend-green", AGENT])
def test_each_node_has_one_of_ours(service: str) -> None:
    found = made(service)
    assert list(found["services"]) == [service], "a deployment changes one service, and no other"
    assert found["services"][service]["deploy"]["mode"] == "global"
    assert found["services"][service]["image"] == "registry.example/x@sha256:1"


def test_the_proxy_has_its_nodes_own_network_and_all_that_it_reads() -> None:
    found = made("proxy")
    proxy = found["services"]["proxy"]
    assert found["networks"][next(iter(proxy["networks"]))] == {"external": True, "name": "host"}
    secrets = {each["target"]: each for each in proxy["secrets"]}
    assert set(secrets) == {
        "/keys/verify/keyring.json",
        "/keys/pin/pin.secret",
        "/keys/proxy/proxy.key",
        "/etc/bgctl/tls/a.pem",  # whoever may ask a manager can read configs
    }
    assert {each["target"] for each in proxy["configs"]} == {
        "/etc/bgctl/nginx.conf",
        "/etc/bgctl/settings.json",
    }
    pin = secrets["/keys/pin/pin.secret"]
    assert (pin["uid"], pin["gid"], pin["mode"]) == ("10001", "10001", 0o400)
    assert {"type": "volume", "source": "bgctl-state", "target": "/state", "read_only": True} in proxy[
        "volumes"
    ]
    assert {"type": "tmpfs", "target": "/tmp", "tmpfs": {"size": 512 << 20}} in proxy["volumes"]


def test_other_content_is_another_name_and_another_service(monkeypatch: pytest.MonkeyPatch) -> None:
    before = made("proxy")
    monkeypatch.setitem(FILES, "proxy", {**FILES["proxy"], "nginx.conf": b"other"})
    after = made("proxy")
    assert before["secrets"] == after["secrets"]
    changed = set(before["configs"]) ^ set(after["configs"])
    assert len(changed) == 2 and all(key.startswith("proxy-nginx.conf-") for key in changed)
    marks = [each["services"]["proxy"]["labels"][SPECIFIED] for each in (before, after)]
    assert marks[0] != marks[1]


def test_a_slot_is_published_by_its_node_and_always_comes_back() -> None:
    found = made("frontend-green")
    green = found["services"]["frontend-green"]
    assert green["ports"] == [{"target": 3000, "published": 8083, "protocol": "tcp", "mode": "host"}]
    assert green["deploy"]["restart_policy"]["condition"] == "any"
    assert green["deploy"]["endpoint_mode"] == "dnsrr"
    assert found["networks"] == {"default": {"driver": "overlay", "attachable": True}}
    assert green["stop_grace_period"] == "10s"


def test_the_agent_writes_the_state_and_knows_its_node() -> None:
    agent = made(AGENT)["services"][AGENT]
    assert agent["volumes"] == [{"type": "volume", "source": "bgctl-state", "target": "/state"}]
    assert agent["environment"] == {
        "BGCTL_NODE": "{{.Node.Hostname}}",
        "BGCTL_PROJECT": "shop",
        "BGCTL_STORE": "redis://10.0.0.5:6379/0",
        "BGCTL_STATE": "/state/state.json",
        "BGCTL_CONTROL": "http://127.0.0.1:9180",
    }
    assert agent["entrypoint"] == ["python3", "-m", "session_api.agent"]


@pytest.mark.parametrize(
    "store", ["sqlite:////data/sessions.db", "redis://redis:6379/0", "redis://127.0.0.1/0"]
)
def test_a_store_that_not_every_node_finds_is_refused(store: str) -> None:
    document = printed(PRINTED[0])
    document["services"]["session-api"]["environment"]["BGCTL_STORE"] = store
    with pytest.raises(Refused) as caught:
        stack(document)
    assert "redis://ADDRESS" in caught.value.next


def test_nodes_with_a_label() -> None:
    text = SWARM.replace('node_label = "" ', 'node_label = "tier=web" ')
    for service in ("proxy", "db"):
        document = printed(PRINTED[0])
        document["services"]["db"] = {"image": "db:1"}
        found = stack(document, text).of(service, "x:1")["services"][service]
        assert found["deploy"]["placement"] == {"constraints": ["node.labels.tier == web"]}


def test_another_service_keeps_what_it_says_of_itself() -> None:
    told = {"replicas": 3, "placement": {"constraints": ["node.role == worker"]}}
    deploy = one(deploy=told, restart="on-failure:4", mem_limit="64mb", cpus=0.5)["deploy"]
    assert deploy["replicas"] == 3 and "mode" not in deploy
    assert deploy["placement"] == told["placement"]
    assert deploy["restart_policy"] == {"condition": "on-failure", "delay": "1s", "max_attempts": 4}
    assert deploy["resources"] == {"limits": {"memory": "64m", "cpus": "0.5"}}
    assert one()["deploy"]["replicas"] == 1


def test_its_name_as_a_container_is_one_of_its_names_in_its_networks() -> None:
    assert one(container_name="maria", networks={"default": {"aliases": ["sql"]}})["networks"] == {
        "default": {"aliases": ["sql", "maria"]}
    }


def test_what_says_nothing_on_a_swarm_goes() -> None:
    found = one(build=".", depends_on=["x"], profiles=["y"], expose=[1], security_opt=["no-new-privileges"])
    assert set(found) == {"image", "networks", "deploy", "stop_grace_period", "labels"}


def test_volumes_of_every_form() -> None:
    given = ["data:/data", "/etc/localtime:/etc/localtime:ro", "/cache"]
    assert one(volumes=given, shm_size="64m")["volumes"] == [
        {"type": "tmpfs", "target": "/dev/shm", "tmpfs": {"size": 64 << 20}},
        {"type": "volume", "source": "data", "target": "/data"},
        {"type": "bind", "source": "/etc/localtime", "target": "/etc/localtime", "read_only": True},
        {"type": "volume", "target": "/cache"},
    ]


def test_a_one_shot_runs_once_and_says_for_which_version() -> None:
    document = {"services": {"migrate": {"image": "m:1", "ports": ["80:80"], "environment": ["A=b"]}}}
    found = stack(document).once("migrate", "migrate-once-1", "1.6.8", "m:1")["services"]
    (service,) = found.values()
    assert list(found) == ["migrate-once-1"]
    assert service["environment"] == {"A": "b", "BGCTL_VERSION": "1.6.8"}
    assert service["deploy"]["restart_policy"] == {"condition": "none"}
    assert service["deploy"]["labels"]["com.docker.compose.service"] == "migrate"
    assert "ports" not in service


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"devices": ["/dev/ttyUSB0"]}, "devices"),
        ({"privileged": True}, "privileged"),
        ({"pid": "host"}, "pid"),
        ({"ipc": "host"}, "ipc"),
        ({"volumes_from": ["x"]}, "volumes_from"),
        ({"network_mode": "service:web"}, "network_mode"),
        ({"links": ["db:sql"]}, "links"),
        ({"security_opt": ["seccomp:unconfined"]}, "security_opt"),
        ({"networks": {"default": {"ipv4_address": "10.0.0.9"}}}, "ipv4_address"),
        ({"volumes": ["/srv/shop/media:/media"]}, "./media"),
        ({"cpu_shares": 5}, "cpu_shares"),
    ],
)
def test_what_would_be_another_service_is_refused(service: dict[str, object], said: str) -> None:
    error = refused(**service)
    assert said in str(error) and "db" in str(error)
    assert error.next, "there is a way out"


def test_what_is_switched_off_is_not_refused() -> None:
    assert one(privileged=False, devices=[], pid=None)


def test_a_file_that_a_swarm_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FILES, "proxy", {"page.html": b"x" * 500_001})
    with pytest.raises(Refused, match=r"proxy/page\.html has 500001 bytes"):
        made("proxy")


def test_secrets_of_the_app_are_named_by_their_content_too() -> None:
    document = {
        "services": {"db": {"image": "db:1", "secrets": ["password", {"source": "given", "mode": "0440"}]}},
        "secrets": {"password": {"file": "/srv/shop/keys/verify"}, "given": {"external": True}},
    }
    found = stack(document).of("db", "db:1")
    assert found["secrets"]["given"] == {"external": True, "name": "given"}
    assert found["secrets"]["password"]["name"].startswith("shop-password-")
    assert found["services"]["db"]["secrets"][1]["mode"] == 0o440


BALANCED = SWARM.replace('balancer_path = ""', 'balancer_path = "/up"').replace(
    'balancer_notice = "10s"', 'balancer_notice = "9500ms"'
)


def placed(service: str, text: str) -> dict[str, Any]:
    document = {"services": {service: {"image": "x:1", "stop_grace_period": "1m30s"}}}
    found: dict[str, Any] = stack(document, text).of(service, "x:1")["services"][service]
    return found


def test_a_proxy_that_is_to_stop_has_load_balancers_told_first() -> None:
    """Nobody else can: the swarm chooses which node is next, and when."""
    proxy = placed("proxy", BALANCED)
    assert proxy["environment"]["BGCTL_NOTICE"] == "10", "whole seconds, and not fewer"
    assert proxy["stop_grace_period"] == "100s", "what is open still gets what the compose file gives it"
    assert proxy["deploy"]["update_config"]["delay"] == "10s", "the next one waits until this one is noticed"


@pytest.mark.parametrize(("service", "text"), [("proxy", SWARM), ("db", BALANCED)])
def test_where_no_load_balancer_asks_nothing_waits_for_one(service: str, text: str) -> None:
    found = placed(service, text)
    assert "BGCTL_NOTICE" not in (found.get("environment") or {})
    assert (found["stop_grace_period"], found["deploy"]["update_config"]["delay"]) == ("90s", "5s")
