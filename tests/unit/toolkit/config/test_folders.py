"""[services.*] static and accel: which folders may be named, and where the proxy finds them."""

import pytest

from tests.unit.toolkit.support.rendered import EXAMPLE, rendered
from toolkit import config
from toolkit.config import served_folders
from toolkit.errors import Refused

FIRST = "mirror = 0 "


def parsed(own: str) -> config.Config:
    assert FIRST in EXAMPLE
    return config.parse(EXAMPLE.replace(FIRST, f"{own}\n{FIRST}"))


def test_each_is_mounted_where_its_paths_lead() -> None:
    found = parsed('static = {"/s/" = "site", "/u/" = "volume:up"}\naccel = {"/p/" = "/srv/p"}')
    assert served_folders.mounts(found.services) == {
        "/files/frontend/s": "./site:/files/frontend/s:ro",
        "/files/frontend/u": "up:/files/frontend/u:ro",
        "/files/frontend/p": "/srv/p:/files/frontend/p:ro",
    }
    assert [(each.prefix, each.internal) for each in found.folders] == [
        ("/s/", False),
        ("/u/", False),
        ("/p/", True),
    ]


@pytest.mark.threat(50)
@pytest.mark.parametrize(
    ("own", "said"),
    [
        ('static = {"/s" = "site"}', "the beginning of paths"),
        ('static = {"/" = "site"}', "the beginning of paths"),
        ('static = {"/../s/" = "site"}', "the beginning of paths"),
        ('static = {"/.git/" = "site"}', "the beginning of paths"),
        ('static = {"/_bgctl/" = "site"}', "the beginning of paths"),
        ('static = {"/s{}/" = "site"}', "the beginning of paths"),
        ('static = {"/s/" = "../site"}', "is not a folder"),
        ('static = {"/s/" = "/srv/../etc"}', "is not a folder"),
        ('static = {"/s/" = "a b"}', "is not a folder"),
        ('static = {"/s/" = "site:rw"}', "is not a folder"),
        ('static = {"/s/" = "slot:static"}', "is not a folder"),
        ('static = {"/s/" = "site"}\naccel = {"/s/" = "media"}', "already taken by services.frontend.static"),
        ('static = {"/s/" = "site", "/s/t/" = "media"}', "lie one in the other"),
        ('accel = {"/api/deployment/" = "media"}', "already taken by services.session-api.routes"),
    ],
)
def test_50_what_cannot_be_a_folder(own: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        parsed(own)


def test_a_shared_service_has_none() -> None:
    with pytest.raises(Refused, match="is for a service with two slots"):
        config.parse(EXAMPLE.replace("connections = 250", 'static = {"/s/" = "s"}\nconnections = 250'))


def test_only_where_an_app_may_lead_on_does_its_service_outlive_that() -> None:
    static = rendered(EXAMPLE, (FIRST, 'static = {"/s/" = "site"}\n' + FIRST))
    assert "bg_accel" not in static
    assert "astray" not in static
    assert "forward.conf" not in static
    accel = rendered(EXAMPLE, (FIRST, 'accel = {"/p.q/" = "site"}\n' + FIRST))
    assert "set $bg_accel $bg_accel;" in accel
    assert r'"~^frontend:/p\.q/" "";' in accel
    assert "if ($bg_astray)" in accel
