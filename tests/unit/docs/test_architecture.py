"""The plan of the house: what it and CONTRIBUTING.md name is there, and every room is named."""

from __future__ import annotations

import re

import pytest

from tests.unit.support import plan
from tests.unit.support.packages import ROOT

PAGES = {"docs/architecture.md": plan.TEXT, "CONTRIBUTING.md": (ROOT / "CONTRIBUTING.md").read_text()}
PATH = re.compile(r"[\w.][\w./-]*")
PROJECTS = ("state", "keys", "data", "proxy")  # folders of a project that is released, not of this one
UNTRACKED = (".venv", ".cache", "__pycache__")


def is_ours(text: str) -> bool:
    """Whether this is a path of this repository: it has a folder or a suffix, and begins at the top."""
    first, _, rest = text.partition("/")
    if not PATH.fullmatch(text) or first in (*PROJECTS, *UNTRACKED):
        return False
    return (ROOT / first).exists() and (bool(rest) or text.endswith("/") or "." in text)


def named() -> set[tuple[str, str]]:
    """Each path in backquotes, with the page that names it."""
    return {
        (page, each)
        for page, text in PAGES.items()
        for quoted in re.findall(r"`([^`\n]+)`", text)
        for each in quoted.split()
        if is_ours(each)
    }


def rooms(parent: str) -> set[str]:
    folders = (ROOT / parent).iterdir()
    return {each.name for each in folders if each.is_dir() and each.name not in UNTRACKED}


@pytest.mark.parametrize(("page", "path"), sorted(named()))
def test_a_path_that_a_page_names_is_there(page: str, path: str) -> None:
    assert (ROOT / path).exists(), f"{page} names {path}"


@pytest.mark.parametrize("parent", ["toolkit/", "lua/bg/", "session_api/"])
def test_every_room_is_named_and_no_other(parent: str) -> None:
    told = plan.folders(parent)
    assert sorted(told) == sorted(rooms(parent) - {"web"}), "`web/` is no room: it is what browsers get"


@pytest.mark.parametrize(
    ("parent", "suffix"), [("toolkit/", ".py"), ("lua/bg/", ".lua"), ("session_api/", ".py")]
)
def test_what_stands_outside_of_all_rooms_is_named(parent: str, suffix: str) -> None:
    told = set(plan.order(parent))
    files = {path.stem for path in (ROOT / parent).glob(f"*{suffix}")} - {"__init__"}
    assert files <= told


def test_every_folder_is_named() -> None:
    told = set(re.findall(r"^\| `([\w/]+)/` \|", plan.TEXT, re.M))
    folders = {path.parent.name for path in ROOT.glob("*/*") if path.is_file()}
    ours = {name for name in folders if not name.startswith(".")} - {"docs", "locks", "build", "__pycache__"}
    assert {each.partition("/")[0] for each in told} >= ours - {*PROJECTS}
