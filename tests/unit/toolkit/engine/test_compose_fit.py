"""Whether a compose file fits bgctl.toml: what does not is named with its line (threat 50)."""

import re
from pathlib import Path

import pytest

from toolkit.config import Config, parse
from toolkit.engine.compose import Compose
from toolkit.engine.compose_fit import check
from toolkit.errors import Refused

ROOT = Path(__file__).parents[4]
EXAMPLE = (ROOT / "bgctl.example.toml").read_text()
CONFIG = parse(EXAMPLE)


RESOLVED = """
services:
  proxy: {image: "p:1", network_mode: host}
  session-api: {image: "s:1", ports: ["127.0.0.1:8090:8090/tcp"]}
  frontend-blue: {image: "f:1.6.7", ports: ["127.0.0.1:8081:3000"]}
  frontend-green: {image: "f:1.6.8", ports: [{host_ip: 127.0.0.1, published: "8083", target: 3000}]}
version: '3.9'
"""


def complain(resolved: str, config: Config = CONFIG) -> str:
    with pytest.raises(Refused) as caught:
        check(config, Compose.parse(resolved), ROOT / "compose" / "compose.yaml")
    return str(caught.value)


def test_a_compose_file_that_fits() -> None:
    found = Compose.parse(RESOLVED)
    check(CONFIG, found, ROOT / "compose" / "compose.yaml")
    assert found.image("frontend-green") == "f:1.6.8"


@pytest.mark.threat(50)
def test_50_a_service_that_is_missing_is_named() -> None:
    assert "no service frontend-green" in complain(RESOLVED.replace("frontend-green", "frontend-grün"))


@pytest.mark.threat(50)
def test_50_a_port_that_does_not_fit_is_named_with_file_and_line() -> None:
    said = complain(RESOLVED.replace("8081", "8082"))
    text = (ROOT / "compose" / "compose.yaml").read_text().splitlines()
    line = next(number for number, each in enumerate(text, 1) if "BLUE_PORT" in each)
    assert said.startswith(f"compose.yaml:{line}: frontend-blue: ")
    assert "127.0.0.1:8081:PORT" in said


@pytest.mark.parametrize(
    "told", ["", "environment: {BGCTL_TOKEN_TTL: 604800}", "environment: [BGCTL_LEEWAY=60]"]
)
def test_a_session_api_that_is_not_told_how_long_tokens_last_is_named(told: str) -> None:
    day = parse(EXAMPLE.replace('longest = "7d"', 'longest = "1d"'))
    said = complain(RESOLVED.replace('image: "s:1"', f'image: "s:1", {told}'.rstrip(", ")), day)
    assert "BGCTL_TOKEN_TTL: ${BGCTL_TOKEN_TTL}" in said
    assert re.match(r"compose.yaml:\d+: session-api is told BGCTL_TOKEN_TTL=", said)
    for told in ("{BGCTL_TOKEN_TTL: 86400}", "[BGCTL_TOKEN_TTL=86400]", '{BGCTL_TOKEN_TTL: "86400"}'):
        fits = RESOLVED.replace('image: "s:1"', f'image: "s:1", environment: {told}')
        check(day, Compose.parse(fits), ROOT / "compose" / "compose.yaml")


def test_a_session_api_whose_tokens_the_proxy_would_refuse_is_named() -> None:
    month, day = (
        RESOLVED.replace('image: "s:1"', f'image: "s:1", environment: {{BGCTL_TOKEN_TTL: {seconds}}}')
        for seconds in (2592000, 86400)
    )
    assert "session-api is told BGCTL_TOKEN_TTL=2592000" in complain(month)
    check(parse(EXAMPLE), Compose.parse(day), ROOT / "compose" / "compose.yaml")


@pytest.mark.parametrize(
    ("setting", "variable"), [("cookies", "BGCTL_TOKEN_COOKIES"), ("headers", "BGCTL_TOKEN_HEADERS")]
)
def test_a_session_api_that_is_not_told_where_tokens_are_is_named(setting: str, variable: str) -> None:
    further = parse(EXAMPLE.replace(f"\n{setting} = []", f'\n{setting} = ["token", "x-token"]'))
    said = complain(RESOLVED, further)
    assert f"session-api is told {variable}=: [tokens] {setting} is " in said
    assert f"{variable}: ${{{variable}}}" in said
    fits = RESOLVED.replace('image: "s:1"', f'image: "s:1", environment: {{{variable}: token x-token}}')
    check(further, Compose.parse(fits), ROOT / "compose" / "compose.yaml")


@pytest.mark.parametrize("told", ["", "environment: {BGCTL_VERSION_CLAIM: version}"])
def test_a_session_api_that_is_not_told_the_claim_of_the_version_is_named(told: str) -> None:
    nested = parse(EXAMPLE.replace('version_claim = "deploymentVersion"', 'version_claim = "app.version"'))
    said = complain(RESOLVED.replace('image: "s:1"', f'image: "s:1", {told}'.rstrip(", ")), nested)
    assert "BGCTL_VERSION_CLAIM: ${BGCTL_VERSION_CLAIM}" in said
    assert re.match(r"compose.yaml:\d+: session-api is told BGCTL_VERSION_CLAIM=", said)
    fits = RESOLVED.replace('image: "s:1"', 'image: "s:1", environment: {BGCTL_VERSION_CLAIM: app.version}')
    check(nested, Compose.parse(fits), ROOT / "compose" / "compose.yaml")
    assert "is told BGCTL_VERSION_CLAIM=app.version" in complain(fits)
