"""Loads that end soon: a load lets every long poll end, which takes up to 3 seconds where nothing is said."""

import pytest

from testbed.load import poll


@pytest.fixture(autouse=True)
def _short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll, "SECONDS", (1, 1))
