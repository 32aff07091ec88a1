"""The key that the demo app shows to the session API."""

from pathlib import Path

import pytest

from tests.unit.testbed.support import stage


@pytest.fixture
def service_key(tmp_path: Path) -> Path:
    return stage.key_file(tmp_path)
