"""A new keys/ folder."""

from pathlib import Path

import pytest

from session_api.keys import signing_keys
from tests.unit.session_api.support.data import NOW


@pytest.fixture
def new_keys(tmp_path: Path) -> Path:
    directory = tmp_path / "new" / "keys"
    signing_keys.create(directory, now=NOW)
    return directory
