"""The files that browsers get."""

import re

from session_api.http import static
from tests.unit.session_api.support.api import Api
from tests.unit.session_api.support.dashboard import PATH
from tests.unit.session_api.support.data import ROOT


# The files.
def test_every_file_is_served_and_nothing_else(api: Api) -> None:
    folder = ROOT / "session_api" / "web"
    pages = {"dashboard.html", "login.html"}
    served = {url.rpartition("/")[2] for url in static.resources()}
    assert {file.name for file in folder.iterdir()} == served | pages
    for url in static.resources():
        result = api.client.simulate_get(url)
        assert (result.status_code, result.headers["x-content-type-options"]) == (200, "nosniff")
        assert result.headers["content-type"] == static.media_type(url)
        assert result.content == (folder / url.rpartition("/")[2]).read_bytes()


def test_pages_name_only_what_is_served() -> None:
    for name in ("dashboard.html", "login.html"):
        named = set(re.findall(r'(?:src|href)="([^"]+)"', static.load(name).decode()))
        assert named <= set(static.resources()), name
    for url in static.resources():
        imported = re.findall(
            r'^import .* from "\./([^"]+)"', static.load(url.rpartition("/")[2]).decode(), re.M
        )
        assert {f"{PATH}/{name}" for name in imported} <= set(static.resources()), url


def test_the_client_module_is_kept_a_short_while_and_then_asked_for_again(api: Api) -> None:
    url = "/api/deployment/client.mjs"
    first = api.client.simulate_get(url, params={"banner": ""})
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["cache-control"] == "public, max-age=300"
    etag = first.headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = api.client.simulate_get(url, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert api.client.simulate_get(url, headers={"If-None-Match": '"other"'}).status_code == 200
