"""The session API's paths: what browsers need is below /api/deployment/, and the old ones work still."""

import re
from typing import Any

import pytest

from session_api import paths
from session_api.http import openapi
from tests.unit.session_api.support.api import Api
from tests.unit.session_api.support.data import COOKIE, ROOT

PUBLIC = "/api/deployment/"
WEB = ROOT / "session_api" / "web"


@pytest.fixture(params=["now", "before"])
def path_of(request: pytest.FixtureRequest) -> Any:
    """The path of something, as it is now or as it was before."""
    return lambda path: paths.OLD[path] if request.param == "before" else path


def test_a_session_from_its_log_in_to_its_end(api: Api, path_of: Any) -> None:
    headers = {"Authorization": f"Bearer {api.service_key}", "X-Deployment-Version": "1.6.7"}
    answer = api.client.simulate_post(path_of(paths.LOG_IN), json={"userId": "u1"}, headers=headers)
    assert (answer.status_code, answer.json["deploymentVersion"]) == (201, "1.6.7")
    assert COOKIE in answer.cookies
    token = answer.json["token"]
    assert api.get(path_of(paths.SESSION), token).json["userId"] == "u1"
    fresh = api.post(path_of(paths.REFRESH), token)
    assert (fresh.status_code, fresh.json["deploymentVersion"]) == (200, "1.6.7")
    assert COOKIE in fresh.cookies
    assert api.post(path_of(paths.LOGOUT), fresh.json["token"]).status_code == 204
    assert api.post(path_of(paths.REFRESH), fresh.json["token"]).status_code == 401
    shown = api.get(path_of(paths.KEYS))
    assert shown.json["keys"]
    assert shown.headers["Cache-Control"] == "public, max-age=300"


def test_who_still_asks_at_an_old_path_is_counted_apart(api: Api) -> None:
    for path in paths.OLD.values():
        api.post(path, "nobody")
    text = api.get("/metrics").text
    assert {path for path in paths.OLD.values() if f'"{path}"' in text} == set(paths.OLD.values())


def test_the_old_ones_are_documented_as_such() -> None:
    described = openapi.document()["paths"]
    for path, old in paths.OLD.items():
        for method, said in described[old].items():
            now = described[path][method]
            assert (said["deprecated"], said["summary"]) == (True, f"Moved to {path}")
            assert {**said, "summary": 0, "deprecated": 0} == {**now, "summary": 0, "deprecated": 0}
    assert not [
        path for path in described if path.startswith(PUBLIC) and "deprecated" in str(described[path])
    ]


@pytest.mark.threat(100)
def test_100_what_is_for_browsers_is_below_one_path_and_nothing_else_is() -> None:
    """With the routes that are the default, nobody outside can try a service's or a proxy's key."""
    inside = [openapi.SERVICE, openapi.PROXY]
    ours = {"/healthz", "/readyz", "/metrics", "/openapi.json"}
    for each in openapi.OPERATIONS:
        is_inside = each.who in inside or each.path in ours
        assert each.path.startswith(PUBLIC) is not is_inside, each.path


def test_pages_and_scripts_ask_for_nothing_else() -> None:
    for file in WEB.iterdir():
        text = file.read_text()
        asked = re.findall(r"""["'`](/[a-z_.][^"'`]*)["'`]""", text)
        assert [path for path in asked if not path.startswith(PUBLIC)] == [], file.name
        assert "/api/auth" not in text, file.name
