"""A project with tokens of the app's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lua.support.projects import Project


@pytest.fixture
def project(tmp_path):
    made = []

    def make(imported: str = "to believe", **more: Any) -> Project:
        made.append(Project(tmp_path, imported, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()
