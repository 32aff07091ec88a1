"""Which lines of /proc/PID/net/tcp are connections of people, and which would be cut with a listener."""

import socket

import pytest

from toolkit.adopt import connections

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(local: str, state: str, queues: str = "00000000:00000000", remote: str = "010012AC:C350") -> str:
    return f"   0: {local} {remote} {state} {queues} 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"


def open_at(*lines: str) -> int:
    return connections.open_at(list(connections.parse(HEAD + "".join(lines))), [8000])


@pytest.mark.parametrize(
    ("state", "queues", "is_open"),
    [
        ("01", "00000000:00000000", True),
        ("03", "00000000:00000000", True),
        ("08", "00000000:00000000", True),
        ("04", "00000010:00000000", True),
        ("04", "00000000:00000000", False),
        ("09", "00000001:00000000", True),
        ("05", "00000000:00000000", False),
        ("06", "00000000:00000000", False),
        ("0A", "00000000:00000000", False),
    ],
)
def test_what_is_open(state: str, queues: str, is_open: bool) -> None:
    """The states: established, in the handshake, half closed, closed with data on its way; the others not."""
    assert open_at(line("020012AC:1F40", state, queues)) == is_open


def test_only_people_at_the_port_count() -> None:
    mapped = "0000000000000000FFFF0000"
    assert open_at(line("020012AC:1F41", "01")) == 0, "another port"
    assert open_at(line("0100007F:1F40", "01"), line(f"{mapped}0100007F:1F40", "01")) == 0, "a health check"
    assert open_at(line("00000000000000000000000001000000:1F40", "01")) == 0, "the same by IPv6"
    assert open_at(line(f"{mapped}020012AC:1F40", "01")) == 1, "an IPv6 socket that IPv4 has reached"


def test_what_nobody_has_accepted_yet() -> None:
    rows = [line("00000000:7530", "0A", "00000000:00000003"), line("0100007F:7530", "03")]
    found = list(connections.parse(HEAD + "".join(rows)))
    assert connections.unaccepted(found, [30000]) == 4
    assert connections.unaccepted(found, [30001]) == 0


def test_those_of_this_very_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            own = client.getsockname()[1]
            here = connections.of()
            assert any(each.port == port and each.remote_port == own for each in here)
            assert connections.unaccepted(here, [port]) == 1
            server.accept()[0].close()
            assert connections.unaccepted(connections.of(), [port]) == 0


def test_a_process_that_has_ended_has_none() -> None:
    assert connections.of(2**30) == []
