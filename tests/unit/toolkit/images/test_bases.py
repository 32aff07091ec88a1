"""Where the Debian bases come from and when they are made anew."""

from dataclasses import replace

import pytest

from toolkit.images.bases import recipe, source
from toolkit.images.catalogue import PROXY_BASE, PYTHON_BASE


@pytest.mark.parametrize(
    ("codename", "line"),
    [
        ("bookworm", "deb http://mirror.test/debian trixie main"),
        ("bookworm-updates", "deb http://mirror.test/debian trixie-updates main"),
        ("bookworm-security", "deb http://mirror.test/debian trixie-security main"),
    ],
)
def test_a_mirror_keeps_its_part_of_the_archive(codename: str, line: str) -> None:
    assert source(codename, "http://mirror.test/debian") == line


def test_another_package_is_another_recipe() -> None:
    more = replace(PROXY_BASE, packages=(*PROXY_BASE.packages, "strace"))
    assert len({recipe(PROXY_BASE), recipe(PYTHON_BASE), recipe(more)}) == 3
