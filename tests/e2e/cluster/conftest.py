"""A lab that the tests of this folder share. Each leaves it as it was: all nodes on, connected and ready."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from testbed.cluster import Lab, laboratory
from testbed.project import IMAGES

APP = f"localhost/{IMAGES}/demo-app:1.6.7"


@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    if os.geteuid():
        pytest.skip("a lab's nodes need root, for their namespaces")
    with laboratory(images=[APP]) as one:
        yield one
