"""Durations, addresses and versions, as an operator writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.values import Address, Duration, is_version

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


@given(st.integers(1, 999_999), st.sampled_from(sorted(UNITS)))
def test_duration_is_a_number_and_a_unit(number: int, unit: str) -> None:
    assert Duration.parse(f"{number}{unit}") == number * UNITS[unit]


def test_off_is_zero() -> None:
    assert Duration.parse("off") == 0.0


@pytest.mark.parametrize(
    "text", ["", "5", "s", "0s", "-1s", "1.5h", "1 s", "1s ", "5min", "1h30m", "٣s", "1s\n"]
)
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write one like"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("text", "nginx"), [("60s", "60s"), ("500ms", "500ms"), ("2m", "120s"), ("1500ms", "1500ms")]
)
def test_duration_for_nginx(text: str, nginx: str) -> None:
    assert Duration.parse(text).nginx == nginx


@given(st.ip_addresses(), st.integers(1, 65535))
def test_address_reads_back_as_it_prints(ip: object, port: int) -> None:
    host = f"[{ip}]" if ":" in str(ip) else str(ip)
    address = Address.parse(f"{host}:{port}")
    assert (address.host, address.port) == (str(ip), port)
    assert Address.parse(str(address)) == address


NO_PORT = ["", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:٨٠"]
NO_IP = ["localhost:80", "1.2.3:80", "::1:80", "[127.0.0.1]:80", "[::1%eth0]:80", "unix:/x"]
MORE_THAN_IT = ["127.0.0.1:80;", "127.0.0.1:80\n", "http://127.0.0.1:80"]


@pytest.mark.parametrize("text", NO_PORT + NO_IP + MORE_THAN_IT)
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write one like"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "loopback"), [("127.0.0.9:1", True), ("[::1]:1", True), ("0.0.0.0:1", False)]
)
def test_loopback(text: str, loopback: bool) -> None:
    assert Address.parse(text).loopback is loopback


@pytest.mark.parametrize("text", ["1.6.7", "a", "2026.01+build_3-x", "v" * 64])
def test_versions(text: str) -> None:
    assert is_version(text)


@pytest.mark.parametrize("text", ["", ".1", "-1", "1 2", "1\n", "../x", "v" * 65, "1.6.8\x00", "\u0661.6"])
def test_what_is_no_version(text: str) -> None:
    assert not is_version(text)
