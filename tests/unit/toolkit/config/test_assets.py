"""[services.*] assets: which paths may be named, and what they cannot go with."""

import pytest

from tests.unit.toolkit.support.rendered import EXAMPLE, rendered
from toolkit import config
from toolkit.config import served_folders
from toolkit.errors import Refused

FIRST = "mirror = 0 "
COPIES = {"/copied-files": "./files:/copied-files:ro"}


def parsed(own: str) -> config.Config:
    assert FIRST in EXAMPLE
    return config.parse(EXAMPLE.replace(FIRST, f"{own}\n{FIRST}"))


def test_only_what_is_kept_takes_a_mount() -> None:
    paths = parsed('assets = ["/assets/", "/_next/static/"]')
    assert served_folders.mounts(paths.services) == {}
    kept = parsed('assets = {"/assets/" = "slot:/app/dist/assets"}\nassets_keep = 2\nassets_room = "10m"')
    assert served_folders.mounts(kept.services) == COPIES
    assert [(each.service, each.prefix, each.folder.in_slot) for each in kept.kept] == [
        ("frontend", "/assets/", "/app/dist/assets")
    ]


@pytest.mark.threat(50)
@pytest.mark.parametrize(
    ("own", "said"),
    [
        ('assets = ["/assets"]', "the beginning of paths"),
        ('assets = {"/assets" = "slot:/app/x"}', "the beginning of paths"),
        ('assets = ["/../a/"]', "the beginning of paths"),
        ('assets = ["/.well-known/"]', "the beginning of paths"),
        ('assets = {"/a/" = "site"}', "is no folder of a slot"),
        ('assets = {"/a/" = "volume:media"}', "is no folder of a slot"),
        ('assets = {"/a/" = "slot:/../x"}', "is not a folder"),
        ('assets = ["/a/", "/a/b/"]', "lie one in the other"),
        ('assets = ["/a/b/"]\nstatic = {"/a/" = "site"}', "lie one in the other"),
        ('assets = ["/a/"]\naccel = {"/a/b/" = "site"}', "lie one in the other"),
        ('assets = ["/api/deployment/"]', "already taken by services.session-api.routes"),
        ('assets = ["/a/"]\nassets_keep = 2', "is for files that are kept"),
        ("assets_keep = 21", "<= 20"),
        ('assets_room = "1m"', "is for files that are kept"),
        ('assets = ["/a/"]\nprotocol = "h2c"', "is for HTTP/1.1"),
    ],
)
def test_50_what_cannot_be_assets(own: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        parsed(own)


def test_a_shared_service_has_none() -> None:
    with pytest.raises(Refused, match="is for a service with two slots"):
        config.parse(EXAMPLE.replace("connections = 250", 'assets = ["/a/"]\nconnections = 250'))


def test_they_are_below_a_route() -> None:
    text = EXAMPLE.replace('routes = ["/"]', 'routes = ["/shop/"]', 1)
    with pytest.raises(Refused, match="is below none of its routes"):
        config.parse(text.replace(FIRST, f'assets = ["/a/"]\n{FIRST}'))
    config.parse(text.replace(FIRST, f'assets = ["/shop/a/"]\n{FIRST}'))


def test_other_paths_have_nothing_to_do_with_them() -> None:
    """nginx.conf without them is what it was, and with them no other location is another one."""
    plain = rendered(EXAMPLE)
    assert "assets" not in plain
    assert "pass.conf" not in plain
    found = rendered(EXAMPLE, (FIRST, 'assets = ["/assets/"]\n' + FIRST))
    assert "location ^~ /assets/ {" in found
    assert found.count("proxy_next_upstream http_404;") == 2  # the path, and what nothing was kept of
    start = plain.index("location / {")
    assert plain[start : plain.index("}\n", start)] in found
