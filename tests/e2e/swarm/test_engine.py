"""A release's containers on a real swarm: placed, found again, replaced, removed."""

from __future__ import annotations

from contextlib import suppress

import pytest
import requests

from testbed.cluster.waiting import eventually
from tests.e2e.swarm.placed import NEW, OLD, Placed, Watch
from toolkit.engine.container import Container
from toolkit.errors import Failed, Refused
from toolkit.observe import logs
from toolkit.release import proxies
from toolkit.swarm.layout import AGENT


def is_coming(container: Container) -> bool:
    return container.state.running or container.state.status in ("created", "restarting")


def test_each_node_serves(placed: Placed) -> None:
    assert placed.versions() == [OLD, OLD]
    found = placed.bgctl().engine.containers()
    assert set(found) == {AGENT, "proxy", "session-api", "frontend-blue"}
    assert all(each.state.running for each in found.values())
    assert found["frontend-blue"].runs(placed.image(OLD))
    assert placed.engine.running("frontend-blue", {"COOKIE_STEM": "bg"})


def test_doctor_says_which_nodes_there_are(placed: Placed) -> None:
    said = placed.folder.bgctl("doctor", code=None).stdout
    assert "a swarm, of 2 nodes (node1, node2); containers run as 10001:10001" in said, said


def test_a_candidate_comes_and_goes_beside_blue(placed: Placed) -> None:
    blue = placed.tasks("frontend-blue")
    env = placed.project.compose_env(OLD, NEW)
    placed.bgctl().engine.up("frontend-green", env)
    assert placed.engine.running("frontend-green")
    assert len(placed.tasks("frontend-green")) == len(placed.nodes)
    placed.route(blue=None, green=NEW)
    assert placed.versions() == [NEW, NEW]
    placed.route(blue=OLD)
    placed.bgctl().engine.remove("frontend-green", 5)
    assert "frontend-green" not in placed.engine.containers()
    assert placed.tasks("frontend-green") == set()
    assert placed.tasks("frontend-blue") == blue, "blue has nothing to do with it"
    eventually(lambda: placed.versions() == [OLD, OLD], "both nodes serve blue")


def test_a_candidate_that_dies_is_past_hope_with_its_reason(placed: Placed) -> None:
    placed.engine.up("frontend-green", placed.project.compose_env(OLD, f"{NEW}-crash"))

    def killed() -> str | None:
        for node in placed.nodes:  # it dies of the first look at its health
            with suppress(requests.RequestException):
                requests.get(f"http://{node.address}:{placed.folder.ports.green}/healthz", timeout=5)
        return placed.engine.dead("frontend-green")

    eventually(killed, "it is given up")
    reason = placed.engine.dead("frontend-green") or ""
    assert "of 2 running" in reason and "exited with code" in reason and "node" in reason, reason
    placed.engine.remove("frontend-green", 5)


def test_an_image_that_no_registry_has_is_refused_with_the_command_to_type(placed: Placed) -> None:
    env = placed.project.compose_env(OLD, "0.0.1")
    with pytest.raises(Failed, match=r"demo-app:0\.0\.1 could not be pulled") as caught:
        placed.engine.up("frontend-green", env)
    assert "docker pull" in caught.value.next
    assert "frontend-green" not in placed.engine.containers()


def test_new_settings_of_the_proxy_replace_it_node_by_node(placed: Placed) -> None:
    before, known = placed.engine.containers()["proxy"], placed.contents()
    placed.folder.configure(read_timeout="59s")
    placed.project = placed.bgctl()
    env = placed.project.env_of(OLD)
    assert placed.engine.is_current("proxy", env), "nothing was rendered yet"
    assert list(proxies.problems(placed.project)) == [], "nginx takes them, tested as proxies run"
    placed.render()
    assert not placed.engine.is_current("proxy", env)
    with Watch(placed) as watch:
        placed.engine.up("proxy", env)
    assert placed.engine.is_current("proxy", env)
    assert placed.engine.containers()["proxy"].id != before.id
    assert watch.nobody == 0, "one node after the other: at each moment one of them serves"
    assert placed.versions() == [OLD, OLD], "each has the state on its own volume"
    assert len(placed.contents()) == len(known), "what no service has any more is gone"
    assert placed.contents() != known


def test_the_same_again_gets_new_tasks(placed: Placed) -> None:
    before = placed.tasks("session-api")
    placed.engine.up("session-api", placed.project.env_of(OLD))
    after = placed.tasks("session-api")
    assert len(after) == len(placed.nodes) and not before & after


def test_a_one_shot_runs_on_one_node_and_its_end_is_known(placed: Placed) -> None:
    def ended() -> list[Container]:
        return [each for each in placed.engine.one_shots("migrate") if not is_coming(each)]

    placed.engine.run_once("migrate", "2.0", placed.project.env_of(OLD))
    eventually(ended, "it has run")
    (one,) = ended()
    assert (one.state.status, one.state.exit_code) == ("exited", 3)
    assert "migrate" not in placed.engine.containers(), "it is not the service itself"
    assert placed.engine.log_of(one) == "migrated for 2.0"
    placed.engine.remove_one(one)
    assert placed.engine.one_shots("migrate") == []


def test_the_log_of_a_service_has_the_lines_of_all_nodes_each_with_its_time(placed: Placed) -> None:
    lines, faults = logs.last(placed.project, ["session-api"], 50)
    assert faults == []
    assert all(line.at for line in lines) and len({line.line for line in lines}) > 0
    starts = [line for line in lines if "Listening" in line.line or "listening" in line.line]
    assert len(starts) >= len(placed.nodes), lines


def test_a_firewall_keeps_a_slots_port_to_the_nodes(placed: Placed) -> None:
    """As docs/swarm.md says it; the other nodes are asked for their slots where one has none."""
    node, other = placed.nodes
    port = placed.folder.ports.blue
    outside, inside = f"http://{node.address}:{port}/healthz", f"http://127.0.0.1:{port}/healthz"
    rule = [
        "-i",
        "eth0",
        "!",
        "-s",
        other.address,
        "-p",
        "tcp",
        "-m",
        "conntrack",
        "--ctorigdstport",
        str(port),
    ]
    rule += ["--ctdir", "ORIGINAL", "-j", "DROP"]
    assert requests.get(outside, timeout=5).ok
    node.run("iptables", "-I", "DOCKER-USER", *rule)
    try:
        with pytest.raises(requests.ConnectionError):
            requests.get(outside, timeout=2)
        node.run("curl", "--fail", "--silent", inside)
        other.run("curl", "--fail", "--silent", "--max-time", "5", outside)
        assert placed.versions() == [OLD, OLD]
    finally:
        node.run("iptables", "-D", "DOCKER-USER", *rule)


def test_what_a_swarm_does_not_do_is_refused(placed: Placed, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="no signal"):
        placed.engine.signal("proxy", "HUP")
    with pytest.raises(Refused, match="nothing for a swarm"):
        placed.engine.typed(["exec", "proxy", "sh"], placed.project.env_of(OLD))
    monkeypatch.setenv("DOCKER_HOST", placed.nodes[1].host)
    with pytest.raises(Refused, match="no manager") as caught:
        placed.bgctl()
    assert f"bgctl --host {placed.nodes[0].address}" in caught.value.next


def test_down_leaves_nothing_but_volumes(placed: Placed) -> None:
    env = placed.project.env_of(OLD)
    for service in list(placed.engine.containers()):
        placed.engine.remove(service, 30)
    placed.engine.down(env)
    assert placed.engine.all() == [] and placed.contents() == set()
    volumes = [node.docker("volume", "ls", "--quiet").split() for node in placed.nodes]
    assert all("placed_bgctl-state" in each for each in volumes)
    placed.start()
    assert placed.versions() == [OLD, OLD], "they serve by the state that Redis has"
