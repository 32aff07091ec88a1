"""One LuaJIT for all tests: the modules under test keep no state between calls."""

from __future__ import annotations

import pytest

from tests.lua.support.luajit import Lua


@pytest.fixture(scope="session")
def lua() -> Lua:
    return Lua()
