"""Which paths lead to which service, and which of the session API's paths are open at all."""

import json
import re
from collections.abc import Callable

import pytest

from tests.unit.toolkit.support.rendered import EXAMPLE, rendered

LINE = 'routes = ["/api/deployment/"]'


BEFORE = 'routes = ["/api/auth/", "/api/deployment/", "= /.well-known/jwks.json"]'


def locations(text: str) -> dict[str, str]:
    """Where each route of the public listener leads."""
    blocks = re.findall(r"\n {8}location ([^{@\n]*) \{(.*?)\n {8}\}", text, re.DOTALL)
    found = {route: re.search(r"proxy_pass http://(bg_\w+)", block) for route, block in blocks}
    return {route: passed[1] for route, passed in found.items() if passed}


def test_one_path_is_the_session_apis_and_all_others_the_apps() -> None:
    assert locations(rendered(EXAMPLE)) == {
        "/": "bg_frontend_",
        "= /api/deployment": "bg_frontend_",
        "/api/deployment/": "bg_session_api",
    }


def test_what_a_configuration_routes_is_routed_as_before() -> None:
    found = locations(rendered(EXAMPLE, (LINE, BEFORE)))
    assert [route for route, where in found.items() if where == "bg_session_api"] == [
        *("/api/auth/", "/api/deployment/", "= /.well-known/jwks.json")
    ]
    assert found["= /api/auth"] == found["= /api/deployment"] == found["/"]


@pytest.mark.parametrize(
    ("apps", "apis", "where"),
    [
        (["/"], ["/api/deployment/"], "bg_frontend_"),
        (["/", "/api/deployment"], ["/api/deployment/"], None),  # somebody has it already
        (["/"], ["/api/deployment/", "= /api/deployment"], "bg_session_api"),
        (["/"], ["^~ /api/deployment/"], "bg_frontend_"),
        (["/board/"], ["/api/deployment/"], None),  # nobody has it: nginx redirects
        (["/", "= /api/deployment"], ["/api/", "/api/deployment/"], "bg_frontend_"),
        (["/"], ["/api/", "/api/deployment/"], "bg_session_api"),
    ],
)
def test_a_path_without_its_last_slash_is_whose_it_would_be(
    apps: list[str], apis: list[str], where: str
) -> None:
    text = EXAMPLE.replace('routes = ["/"]', f"routes = {json.dumps(apps)}", 1)
    found = locations(rendered(text, (LINE, f"routes = {json.dumps(apis)}")))
    assert found.get("= /api/deployment") == where


def test_a_page_that_is_called_as_the_folder_of_assets_is_the_apps() -> None:
    """nginx by itself would redirect /assets to /assets/, whatever the app has there."""
    one = EXAMPLE.replace('routes = ["/"]', 'routes = ["/"]\nassets = ["/assets/", "/_next/static/"]', 1)
    found = locations(rendered(one))
    assert found["= /assets"] == found["= /_next/static"] == found["/"]
    taken = one.replace('["/"]', '["/", "= /assets", "/_next/static"]', 1)
    assert "= /_next/static" not in locations(rendered(taken))
    assert rendered(taken).count("location = /assets {") == 1


def opened(text: str) -> Callable[[str], bool]:
    """Whether a request from outside may reach a path of the session API: the first that fits decides."""
    (block,) = re.findall(r"map \$request_uri \$bg_for_api \{(.*?)\n    \}", text, re.DOTALL)
    patterns = re.findall(r'"~(.*)" ("|\w+)', block)
    assert len(patterns) >= 3

    def is_open(path: str) -> bool:
        return next((value != '"' for pattern, value in patterns if re.search(pattern, path)), False)

    return is_open


@pytest.mark.threat(100)
@pytest.mark.parametrize("routes", [LINE, BEFORE, 'routes = ["^~ /api/"]', 'routes = ["/api/", "/x/"]'])
def test_100_what_is_inside_is_reached_by_no_route_that_does_not_name_it(routes: str) -> None:
    is_open = opened(rendered(EXAMPLE, (LINE, routes)))
    for path in ("/api/deployment/heartbeat", "/api/deployment/dashboard/icon.svg", "/api/auth/token?x=/../"):
        assert is_open(path), path
    inside = ["/token", "/metrics", "/readyz", "/openapi.json", "/_bgctl/activity"]
    around = ["{}", "{}/../api/deployment/version", "/api/deployment/..{}", "/api/deployment/%2e%2e{}"]
    around += ["{}%3f/../../api/deployment/x", "{}#/api/deployment/x", "/api/deployment/x/{}", "//{}", "/x{}"]
    for form in around:
        for path in inside:
            assert not is_open(form.format(path)), form.format(path)
    for path in ("/api/deployment/%76ersion", "/api/deployment/./version", "/api/deployment/.x", "/api/x"):
        assert not is_open(path), path


@pytest.mark.threat(100)
def test_100_a_route_that_names_a_path_opens_that_and_no_other() -> None:
    is_open = opened(rendered(EXAMPLE, (LINE, 'routes = ["= /openapi.json", "/api/deployment/"]')))
    assert [is_open(path) for path in ("/openapi.json", "/openapi.json?x")] == [True, True]
    assert [is_open(path) for path in ("/openapiXjson", "/openapi.json/x")] == [False, False]


@pytest.mark.threat(100)
def test_100_the_guard_is_where_the_session_api_is_and_nowhere_else() -> None:
    conf = rendered(EXAMPLE, (LINE, BEFORE))
    assert conf.count("if ($bg_for_api") == 3
    other = '[services.catalogue]\nroutes = ["/c/"]\naddress = "127.0.0.1:7000"\nhealth = "/"\n[health]'
    assert rendered(EXAMPLE, ("[health]", other)).count("if ($bg_for_api") == 1
