"""Tokens are signed for a version that is served, and refreshed as the one that has the session by now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.session_api.support.api import Api
from tests.unit.session_api.support.data import NOW, claims, write_state
from tests.unit.session_api.support.forge import Forge

PROMOTED = [{"from": "1.6.7", "to": "1.6.8", "generation": 18, "at": "2027-01-15T08:00:00Z"}]  # NOW
BACK = [{"from": "1.6.8", "to": "1.6.7", "generation": 18, "at": "2027-01-15T08:00:00Z"}]


def log_in(api: Api, version: str, generation: str | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {api.service_key}", "X-Deployment-Version": version}
    headers |= {"X-Deployment-Generation": generation} if generation else {}
    result = api.client.simulate_post("/token", json={"userId": "u1"}, headers=headers)
    assert result.status_code == 201, result.text
    return result.json


def said(tokens: Any, answer: dict[str, Any]) -> tuple[str, int | None]:
    """What the token of an answer says, which its `deploymentVersion` must match."""
    verified = tokens.verify(answer["token"])
    assert verified.version == answer["deploymentVersion"]
    return verified.version, verified.generation


def released(state_file: Path, lineage: list[dict[str, Any]], generation: int = 20) -> None:
    """1.6.8 drains, and 1.6.9 takes new sessions."""
    more = {"lineage": lineage, "generation": generation}
    write_state(state_file, ("1.6.8", "drain", 0), ("1.6.9", "ready", 100), **more)


@pytest.mark.threat(64)
def test_64_a_session_of_two_releases_ago_is_refreshed_as_the_last_ones(
    api: Api, tokens: Any, state_file: Path
) -> None:
    token = log_in(api, "1.6.7")["token"]
    released(state_file, PROMOTED)
    assert said(tokens, api.post("/api/deployment/refresh", token).json) == ("1.6.8", 20)
    assert api.get("/api/deployment/session", token).json["deploymentVersion"] == "1.6.8"
    beat = api.post("/api/deployment/heartbeat", token).json
    assert (beat["yourVersion"], beat["updateAvailable"]) == ("1.6.8", True)
    assert api.census().json["versions"]["1.6.8"]["sessions"] == 1


@pytest.mark.threat(65)
@pytest.mark.parametrize(("generation", "version"), [(17, "1.6.7"), (18, "1.6.8")])
def test_65_a_version_that_comes_again_has_only_sessions_since(
    api: Api, tokens: Any, keys: Path, state_file: Path, generation: int, version: str
) -> None:
    more = {"lineage": BACK, "generation": 20}
    write_state(state_file, ("1.6.7", "drain", 0), ("1.6.8", "ready", 100), **more)
    told = claims(deploymentVersion="1.6.8", deploymentGeneration=generation)
    token = Forge(keys).token({}, told)
    assert said(tokens, api.post("/api/deployment/refresh", token).json) == (version, 20)


@pytest.mark.threat(65)
@pytest.mark.parametrize(("issued_at", "version"), [(NOW - 1, "1.6.7"), (NOW, "1.6.7"), (NOW + 1, "1.6.8")])
def test_65_a_token_of_somebody_else_goes_by_its_time(
    api: Api, tokens: Any, keys: Path, state_file: Path, issued_at: int, version: str
) -> None:
    more = {"lineage": BACK, "generation": 20}
    write_state(state_file, ("1.6.7", "drain", 0), ("1.6.8", "ready", 100), **more)
    token = Forge(keys).token({}, claims(deploymentVersion="1.6.8", iat=issued_at))
    assert said(tokens, api.post("/api/deployment/refresh", token).json) == (version, 20)


@pytest.mark.threat(79)
@pytest.mark.parametrize(
    ("version", "generation", "signed"),
    [
        ("1.6.8", "19", ("1.6.8", 20)),
        ("1.6.8", None, ("1.6.8", 20)),
        ("1.6.8", "nonsense", ("1.6.8", 20)),
        ("1.6.7", "17", ("1.6.8", 20)),  # it has been promoted between the log-in page and the log-in
        ("1.6.7", None, ("1.6.8", 20)),
        ("1.5.0", None, ("1.6.9", 20)),  # nobody knows it: what new sessions get
        ("1.7.0", "21", ("1.7.0", 21)),  # the proxy knows a newer state than this one
    ],
)
def test_79_a_token_is_signed_for_a_version_that_is_served(
    api: Api, tokens: Any, state_file: Path, version: str, generation: str | None, signed: tuple[str, int]
) -> None:
    released(state_file, PROMOTED)
    assert said(tokens, log_in(api, version, generation)) == signed


@pytest.mark.threat(65)
def test_65_an_app_that_passes_on_the_version_alone_means_it_as_it_is_now(
    api: Api, tokens: Any, state_file: Path
) -> None:
    """1.6.8 was taken back once, and comes again: a log-in there is on it."""
    more = {"lineage": BACK, "generation": 20}
    write_state(state_file, ("1.6.7", "drain", 0), ("1.6.8", "ready", 100), **more)
    assert said(tokens, log_in(api, "1.6.8")) == ("1.6.8", 20)


@pytest.mark.threat(41)
def test_41_without_a_state_the_proxys_word_stands(make_api: Any, tokens: Any, state_file: Path) -> None:
    state_file.unlink()
    assert said(tokens, log_in(make_api(), "1.6.7", "17")) == ("1.6.7", 17)
    assert said(tokens, log_in(make_api(), "1.6.7")) == ("1.6.7", None)
