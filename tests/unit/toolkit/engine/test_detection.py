"""Which engine a project gets."""

from pathlib import Path

import msgspec
import pytest

from toolkit.config import parse
from toolkit.engine import detection, process
from toolkit.errors import Refused

ROOT = Path(__file__).parents[4]
EXAMPLE = (ROOT / "bgctl.example.toml").read_text()
CONFIG = parse(EXAMPLE)


@pytest.mark.threat(33)
@pytest.mark.parametrize("wanted", ["auto", "docker", "podman"])
def test_33_no_engine_is_refused(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.setattr(process, "which", lambda name: None)
    project = msgspec.structs.replace(CONFIG.project, engine=wanted)
    with pytest.raises(Refused, match="is not installed"):
        detection.detect(msgspec.structs.replace(CONFIG, project=project), ROOT)
