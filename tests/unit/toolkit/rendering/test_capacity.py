"""What a proxy carries: by the machine, or as it is written, or refused."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.unit.toolkit.support.rendered import EXAMPLE, ROOT
from toolkit import config
from toolkit.config.edge_tables import Proxy
from toolkit.errors import Refused
from toolkit.rendering import capacity, complaint, nginx_conf
from toolkit.rendering.capacity import GIB, Machine


@pytest.mark.parametrize(
    ("gib", "cores", "workers", "connections", "sessions"),
    [
        (0.46, 1, 2, 2048, 50_000),
        (0.95, 1, 2, 2048, 50_000),
        (1.9, 2, 2, 4096, 100_000),
        (3.8, 4, 4, 4096, 200_000),
        (7.5, 8, 8, 4096, 400_000),
        (250, 96, 16, 4096, 400_000),
    ],
)
def test_what_is_not_written_follows_the_machine(
    gib: float, cores: int, workers: int, connections: int, sessions: int
) -> None:
    found = capacity.of(Proxy(), Machine(int(gib * GIB), cores))
    assert (found.workers, found.connections, found.sessions) == (workers, connections, sessions)
    assert not found.written


def test_what_is_usual_takes_a_fraction_of_the_memory() -> None:
    for gib in (1, 2, 4, 8, 64):
        found = capacity.of(Proxy(), Machine(gib * GIB, 2))
        assert found.sessions * capacity.SESSION < gib * GIB * 0.1
        assert found.descriptors < 20_000, "what engines give without being asked"


def test_what_is_written_holds() -> None:
    written = Proxy(workers=3, connections=20_000, sessions=1_000_000)
    found = capacity.of(written, Machine(16 * GIB, 2))
    assert (found.workers, found.connections, found.sessions, found.written) == (3, 20_000, 1_000_000, True)
    assert found.worker_connections >= 40_000
    assert found.descriptors >= 2 * found.worker_connections


@pytest.mark.parametrize(
    ("written", "why", "next"),
    [
        (Proxy(sessions=1_000_000), r"may take 1\.4 GiB, and half", "write sessions = 360000 or less, or 0"),
        (Proxy(workers=2, connections=10_000), r"may take 1\.2 GiB", "write connections = 4000 or less"),
    ],
)
def test_what_the_machine_cannot_carry_is_refused(written: Proxy, why: str, next: str) -> None:
    with pytest.raises(Refused, match=r"\[proxy\] (sessions|connections) = 10*0 is more") as refused:
        capacity.of(written, Machine(GIB, 2))
    assert re.search(why, refused.value.why)
    assert next in (refused.value.next or "")


def rendered(change: str) -> str:
    text = EXAMPLE.replace("sessions = 0", change, 1)
    return nginx_conf.render(config.parse(text), machine=Machine(8 * GIB, 4))


def test_nginx_has_it() -> None:
    usual, small = rendered("sessions = 0"), rendered("sessions = 10000")
    assert "worker_processes 4;" in usual
    assert "worker_connections 8704;" in usual
    assert "worker_rlimit_nofile" not in usual, "the container may allow less"
    assert "lua_shared_dict bg_seen 100m;" in usual
    assert "lua_shared_dict bg_seen 3m;" in small
    text = EXAMPLE.replace("connections = 0", "connections = 10000", 1)
    written = nginx_conf.render(config.parse(text), machine=Machine(8 * GIB, 4))
    assert "worker_rlimit_nofile 41024;\n" in written, "compose/proxy/proxy looks for this"


@pytest.mark.whole
@pytest.mark.parametrize(("written", "refused"), [("worker_rlimit_nofile 400;\n", True), ("", False)])
def test_a_container_with_too_few_descriptors_refuses_what_is_written(
    written: str, refused: bool, tmp_path: Path
) -> None:
    """`proxy -t -c CONF`, as `bgctl reload` has it run, where 300 are to be had."""
    (tmp_path / "nginx").write_text("#!/bin/sh\nulimit -S -n\n")
    (tmp_path / "nginx").chmod(0o755)
    (tmp_path / "conf").write_text(written)
    line = f'ulimit -n 300; PATH="{tmp_path}:$PATH" exec sh compose/proxy/proxy -t -c {tmp_path}/conf'
    ran = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == (1 if refused else 0)
    if refused:
        assert "needs 400 file descriptors for each worker, and this container may have 300" in ran.stderr
        found = complaint.refusal(ran.stderr, "")
        assert "ulimits" in (found.next or "")
    else:
        assert ran.stdout == "300\n", "nginx has all that there are"
