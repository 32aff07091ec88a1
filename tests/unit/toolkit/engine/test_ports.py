"""Ports that a container without privileges cannot take are told before anything is started."""

import socket
from pathlib import Path

import pytest

from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit.engine import ports
from toolkit.errors import Refused
from toolkit.values import Address

pytestmark = pytest.mark.whole


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ip_unprivileged_port_start"
    monkeypatch.setattr(ports, "UNPRIVILEGED", path)
    return path


def test_a_port_that_is_kept_for_root(kept: Path) -> None:
    kept.write_text("1024\n")
    with pytest.raises(Refused, match="port 443 cannot be taken: proxy needs it") as caught:
        ports.check_allowed("proxy", Address("0.0.0.0:443"))
    assert caught.value.next.startswith("sysctl -w net.ipv4.ip_unprivileged_port_start=443 ")
    ports.check_allowed("proxy", Address("0.0.0.0:8443"))


@pytest.mark.parametrize("content", ["443", "80", "0", "nonsense", None])
def test_a_port_that_anybody_may_take(kept: Path, content: str | None) -> None:
    if content is not None:
        kept.write_text(content)
    ports.check_allowed("proxy", Address("0.0.0.0:443"))


def test_doctor_says_so(world: World) -> None:
    if ports.first_unprivileged() <= 1:
        pytest.skip("this machine keeps no port for root")
    world.put("rest", READY, NONE)
    path = world.root / "bgctl.toml"
    path.write_text(path.read_text().replace("127.0.0.1:8080", "127.0.0.1:1"))
    (world.root / "state" / "engine").write_text("docker\n")
    said = world.bgctl("doctor", "--json").stdout
    assert "ip_unprivileged_port_start=1" in said


def test_who_listens_at_every_address_of_ipv6_is_seen() -> None:
    for host, seen in (("::", True), ("::1", False)):
        with socket.socket(socket.AF_INET6) as taken:
            taken.bind((host, 0))
            taken.listen()
            assert ports.at_every_ipv6(taken.getsockname()[1]) is seen


def test_a_port_of_ipv6_is_free_beside_the_same_of_ipv4() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        address = Address(f"[::]:{taken.getsockname()[1]}")
        assert (ports.is_free(address), ports.is_free(address, apart=True)) == (False, True)
