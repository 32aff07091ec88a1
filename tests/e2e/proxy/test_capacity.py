"""[proxy] sessions of a running proxy: a reload empties no memory, and a new container has the new sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from tests.e2e.support.stacks import NEW, OLD, Stack, eventually, running

KEY = {"Authorization": "Bearer an-opaque-key-of-the-app"}  # its client has no cookie: memory alone holds it


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    more = {"sessions": 20000, "connections": 1000}
    with running(tmp_path_factory.mktemp("capacity") / "project", proxy_more=more) as one:
        yield one


def metric(site: Stack, series: str) -> float:
    found = re.search(
        rf"(?m)^{re.escape(series)} (\S+)$", requests.get(f"{site.control_url}/metrics", timeout=10).text
    )
    assert found, series
    return float(found[1])


def by_key(site: Stack) -> str:
    answer = requests.get(f"{site.url}/api/whoami", headers=KEY, timeout=10)
    return answer.headers["X-Deployment-Version"]


def size(site: Stack) -> float:
    return metric(site, 'bgctl_shared_memory_bytes{dictionary="bg_seen"}') / (1 << 20)


def test_a_changed_size_waits_for_a_new_container_and_nobody_is_forgotten(site: Stack) -> None:
    assert by_key(site) == OLD
    ada = site.log_in()
    site.bgctl("up-green", NEW)
    site.bgctl("route", "enable-green")
    assert (size(site), metric(site, "bgctl_connections_most")) == (5, 2000)
    path = site.directory / "bgctl.toml"
    text = path.read_text()
    path.write_text(text.replace("sessions = 20000", "sessions = 40000").replace("= 1000", "= 1500"))
    said = site.bgctl("reload").stdout
    assert "[proxy] sessions waits for a new container" in said
    assert (size(site), metric(site, "bgctl_connections_most")) == (5, 3000)
    assert by_key(site) == OLD
    assert site.version_of(ada) == OLD
    told = site.bgctl("status").stdout
    assert "[proxy] sessions" in told
    site.settled()
    site.container("proxy").stop()
    site.bgctl("up")
    assert size(site) == 10
    assert "[proxy] sessions" not in site.bgctl("status").stdout
    assert site.version_of(ada) == OLD

    def held() -> bool:
        return by_key(site) == OLD

    eventually(held, "the session API has told whom it knew")


def test_what_the_machine_cannot_carry_is_refused_and_nothing_changes(site: Stack) -> None:
    path = site.directory / "bgctl.toml"
    text = path.read_text()
    path.write_text(re.sub("(?m)^sessions = .*", "sessions = 50000000", text))
    before = size(site)
    try:
        said = site.bgctl("reload", code=3).stderr
        assert "is more than this machine carries" in said
        assert re.search(r"write sessions = \d+ or less", said)
        assert size(site) == before
    finally:
        path.write_text(text)
