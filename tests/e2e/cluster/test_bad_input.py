"""What an operator of three hosts can have wrong: each is told, with nothing changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from testbed.cluster import Lab
from testbed.cluster.waiting import eventually
from tests.cluster.shop import NEW, OLD, PLACE, Shop
from tests.e2e.cluster.conftest import running

REFUSED = 3
OWN = "proxy.include"
BAD = "rewrite ^/x/\\u0041 /y permanent;\n"  # nginx alone can tell that this is no pattern


def tasks(shop: Shop, service: str) -> set[str]:
    """The containers of a service, on all nodes."""
    of = f"label=com.docker.swarm.service.name=shop_{service}"
    return {each for node in shop.lab.nodes for each in node.docker("ps", "--quiet", "--filter", of).split()}


def refused(shop: Shop, *command: str) -> str:
    """What it says; all nodes serve as before."""
    before = shop.routes(), tasks(shop, "proxy")
    said = shop.bgctl(*command, code=REFUSED).stderr
    assert (shop.routes(), tasks(shop, "proxy")) == before
    return said


@pytest.fixture
def shop(lab: Lab) -> Iterator[Shop]:
    with running(lab) as one:
        yield one
        assert one.faults() == []


@pytest.fixture
def second(shop: Shop) -> Shop:
    """The project of `shop`, on another manager."""
    return shop.copied(shop.lab.nodes[0], "state", "proxy")


def test_files_of_two_managers_and_keys_that_are_rotated(shop: Shop, second: Shop) -> None:
    agents, proxies, apis = (tasks(shop, name) for name in ("bgctl-agent", "proxy", "session-api"))
    said = second.bgctl("up").stdout
    assert "run already on node1, node2, node3" in said
    assert [tasks(shop, name) for name in ("bgctl-agent", "proxy", "session-api")] == [agents, proxies, apis]

    with (shop.folder / "compose.yaml").open("a") as compose:
        compose.write("\n# newer\n")
    rotated = shop.bgctl("keys", "rotate").stdout
    assert "next: bgctl up" in rotated
    shop.bgctl("up")
    assert tasks(shop, "bgctl-agent") == agents, "nothing of theirs has changed"
    assert not tasks(shop, "proxy") & proxies, "they have the new key"
    assert not tasks(shop, "session-api") & apis, "they sign with it"

    said = refused(second, "deploy", NEW, "--yes")
    assert "compose.yaml" in said and "keys/verify/keyring.json" in said
    assert f"'bgctl up' by root in node2:{PLACE}" in said
    assert "next: copy them from there; or go on with those of here: bgctl up --these-files" in said
    assert "compose.yaml" in refused(second, "up")
    assert "are not those of the last change" in second.bgctl("status").stdout
    assert "last change" not in second.bgctl("rollback", code=None).stderr, "the way out is always open"

    shutil.rmtree(second.folder / "keys")
    shutil.copytree(shop.folder / "keys", second.folder / "keys")
    assert "compose.yaml is not the one of the last change" in refused(second, "up-green", NEW)
    second.bgctl("up", "--these-files")
    assert "compose.yaml is not the one" in refused(shop, "up")
    second.bgctl("deploy", NEW, "--yes")
    assert {version for _, version in shop.routes().values()} == {NEW}
    shop.bgctl("up", "--these-files")


def test_a_folder_without_keys_and_another_project_of_the_same_name(shop: Shop, second: Shop) -> None:
    shutil.rmtree(second.folder / "keys")
    said = refused(second, "up")
    assert "this folder has none" in said and "next: copy its folder keys/ to here" in said
    assert not (second.folder / "keys").exists(), "none are made"
    second.bgctl("keys", "init", code=REFUSED)
    assert "this folder has none" in second.bgctl("status", code=REFUSED).stderr


def test_a_configuration_that_nginx_refuses_reaches_no_proxy(shop: Shop) -> None:
    folder = shop.folder
    configuration = (folder / "bgctl.toml").read_text()
    (folder / OWN).write_text(BAD)
    (folder / "bgctl.toml").write_text(configuration.replace("[proxy]\n", f'[proxy]\ninclude = "{OWN}"\n', 1))
    said = refused(shop, "up")
    assert f"{OWN}:1" in said and "nginx refuses it: pcre2_compile() failed" in said
    (folder / "bgctl.toml").write_text(configuration)
    shop.bgctl("up")


def test_a_node_that_cannot_get_the_image(shop: Shop) -> None:
    """It does not reach the registry, and has no such version: green does not come up, and is taken away."""
    node = shop.lab.nodes[2]
    image = next(
        each
        for each in node.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        if each.endswith(f"demo-app:{NEW}")
    )
    node.docker("rmi", "--force", image)
    registry = shop.lab.registry.host.partition(":")[0]
    rule = ("OUTPUT", "-p", "tcp", "-d", registry, "--dport", "5000", "-j", "REJECT")
    node.run("iptables", "-I", *rule)
    before = shop.routes()
    try:
        done = shop.bgctl("deploy", NEW, "--yes", code=1)
    finally:
        node.run("iptables", "-D", *rule)
    assert "node3" in done.stderr, done.stderr
    assert shop.routes() == before
    eventually(lambda: tasks(shop, "frontend-green") == set(), "green is gone")
    assert {version for _, version in before.values()} == {OLD}
