"""The application with idle sessions left out, as proxies report to it."""

from typing import Any

import pytest

from tests.unit.session_api.support.api import Api


@pytest.fixture
def api(make_api: Any, new_store: Any) -> Api:
    return make_api(store=new_store(idle_timeout=1800), idle_timeout=1800)
