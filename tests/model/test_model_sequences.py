"""Threats 64 to 66 and 68 to 70: whatever happens, in any order, everybody is served by their own version.

`BGCTL_MODEL_SEED=2` plays others, `BGCTL_MODEL_SEQUENCES` more of them; see also `python -m tests.model`.
"""

import os

import pytest

from tests.model.play import play

SEQUENCES = int(os.environ.get("BGCTL_MODEL_SEQUENCES", "2000"))
SEED = int(os.environ.get("BGCTL_MODEL_SEED", "1"))


@pytest.mark.threat(68, 69)
@pytest.mark.timeout(1800)
def test_68_whatever_happens_nobody_is_served_by_another_version_than_their_own() -> None:
    play(SEQUENCES, SEED)
