"""Likely changes that touch several languages: what was changed in one place only is told here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def text(path: str) -> str:
    return (ROOT / path).read_text()


def rows(page: str, title: str) -> list[str]:
    """The first cells of the first table below a heading."""
    table = re.search(r"(?:^\|.*\n)+", text(page).partition(f"\n## {title}\n")[2], re.M)
    assert table, title
    return [line.split("|")[1] for line in table[0].splitlines()[2:]]


# Cookies: the proxy's settings have the names of those that the proxy reads or writes.
PROXYS = set(re.findall(r'"_(\w+)="', text("lua/bg/lib/settings.lua")))
STEM = r'(?:"|\bbg|\}|stem\})_'


@pytest.mark.parametrize(
    ("path", "endings"),
    [
        ("nginx/maps.conf.j2", {"session"}),
        ("session_api/access/cookies.py", {"session"}),
        ("session_api/app.py", {"admin"}),
        ("session_api/http/openapi.py", {"session", "admin"}),
        ("session_api/web/client.mjs", {"update"}),
        ("toolkit/release/preview_link.py", {"preview"}),
        ("compose/demo-app/app/settings.py", {"session"}),
        ("testbed/load/user.py", {"session"}),
        ("testbed/load/crowd.py", {"session", "pin"}),
        ("testbed/load/regulars.py", {"pin"}),
    ],
)
def test_a_cookie_has_one_name_everywhere(path: str, endings: set[str]) -> None:
    assert endings <= PROXYS | {"admin"}
    for ending in endings:
        assert re.search(rf"{STEM}{ending}\b", text(path)), f"{path}: no cookie ends with _{ending}"


def test_the_proxys_cookies_are_documented() -> None:
    told = set(re.findall(r"`__Host-bg_(\w+)`", "".join(rows("docs/routing.md", "Cookies and tokens"))))
    assert told == PROXYS


def test_the_reasons_of_decisions_are_documented() -> None:
    words = re.search(r"WORDS = \{([^}]*)\}", text("lua/bg/lib/reasons.lua"))
    assert words
    told = re.findall(r"`(\w+)`", "".join(rows("docs/routing.md", "The decision")))
    assert set(told) == set(re.findall(r'"(\w+)"', words[1]))


OWN = {"BGCTL_STATE", "BGCTL_KEYS"}  # places inside the container
ENV_FILES = {"BGCTL_STORE", "BGCTL_STORE_PASSWORD_FILE"}  # what an operator writes there
APPS = {"BGCTL_STOP_GRACE"}  # what the app is told


def test_the_session_api_is_told_all_that_it_reads() -> None:
    reads = set(re.findall(r'"(BGCTL_\w+)"', text("session_api/settings.py")))
    service = text("compose/bgctl.yaml").partition("\n  session-api:\n")[2]
    told = set(re.findall(r"^      (BGCTL_\w+):", service, re.M))
    sources = text("toolkit/project.py") + text("toolkit/config/tables.py")
    given = set(re.findall(r'^ +"(BGCTL_\w+)": ', sources, re.M))
    assert told == reads
    assert given - APPS == told - OWN - ENV_FILES
