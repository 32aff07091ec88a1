"""Where the Debian bases come from and when they are made anew."""

from dataclasses import replace
from pathlib import Path

import pytest

from toolkit.engine import process
from toolkit.errors import Failed
from toolkit.images import bases, places
from toolkit.images.bases import make_tars, recipe, source, tar
from toolkit.images.catalogue import PROXY_BASE, PYTHON_BASE
from toolkit.images.shell import Report, ignore, only_one


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


@pytest.fixture
def mmdebstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of this name, to be written; the cache is empty."""
    monkeypatch.setattr(places, "root", lambda: tmp_path / "cache")
    monkeypatch.setattr(process, "search_path", lambda: f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "mmdebstrap").touch(mode=0o755)
    return tmp_path / "mmdebstrap"


@pytest.mark.threat(95)
@pytest.mark.parametrize(
    ("said", "why", "next"),
    [
        ("Could not resolve deb.test", "Could not resolve deb.test", "see whether deb.debian.org"),
        ("tar: No space left on device", "the disk is full: tar: No space left", "df -h "),
    ],
)
def test_95_a_base_that_cannot_be_made_says_why_and_leaves_nothing(
    said: str, why: str, next: str, mmdebstrap: Path
) -> None:
    mmdebstrap.write_text('#!/bin/sh\nfor last in "$@"; do case $last in *.tar) echo > $last; esac; done\n')
    with mmdebstrap.open("a") as script:
        script.write(f"echo '{said}'; exit 25\n")
    with only_one(Report(ignore)), pytest.raises(Failed) as caught:
        make_tars([PROXY_BASE], Report(ignore))
    assert str(caught.value).startswith(f"{PROXY_BASE.name} could not be made from Debian packages: {why}")
    assert caught.value.next.startswith(next)
    assert list(places.images().iterdir()) == []


def test_bases_are_made_side_by_side_where_the_machine_s_mirror_lacks_them(
    mmdebstrap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mirror may hold its own release only: then Debian's is asked."""
    monkeypatch.setattr(bases, "mirrors", lambda: ["deb http://mirror.test/debian trixie main"])
    mmdebstrap.write_text(
        '#!/bin/sh\ncase "$*" in *mirror.test*) exit 1; esac\nfor last; do :; done\necho whole > "$last"\n'
    )
    told: list[str] = []
    with only_one(Report(ignore)):
        make_tars([PROXY_BASE, PYTHON_BASE], Report(told.append))
    assert {tar(base).read_text() for base in (PROXY_BASE, PYTHON_BASE)} == {"whole\n"}
    assert told.count("this machine's own mirror does not have it: asking Debian's") == 2
