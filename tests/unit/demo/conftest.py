from pathlib import Path

import pytest
from demo_stage import SERVICE_KEY


@pytest.fixture
def service_key(tmp_path: Path) -> Path:
    path = tmp_path / "service.key"
    path.write_text(SERVICE_KEY + "\n")
    return path
