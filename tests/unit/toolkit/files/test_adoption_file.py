"""state/adoption.json: what is under way, and who may do something meanwhile."""

from pathlib import Path

import pytest

from toolkit.errors import Failed, Refused
from toolkit.files import adoption_file
from toolkit.files.adoption_file import Adoption

BEGUN = Adoption("2026-01-15T10:30:00Z", "redirect", ("a1",), {"0.0.0.0:80": "0.0.0.0:30080"})


def test_none_is_under_way(tmp_path: Path) -> None:
    assert adoption_file.read(tmp_path) is None
    adoption_file.check(tmp_path)
    adoption_file.remove(tmp_path)


def test_others_are_refused_meanwhile(tmp_path: Path) -> None:
    adoption_file.write(tmp_path, BEGUN)
    assert adoption_file.read(tmp_path) == BEGUN
    with pytest.raises(Refused) as refused:
        adoption_file.check(tmp_path)
    assert "since 2026-01-15T10:30:00Z" in refused.value.what
    assert "bgctl adopt --back" in refused.value.next


def test_a_damaged_one_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / adoption_file.NAME).write_bytes(b'{"since": \xff')
    with pytest.raises(Failed) as failed:
        adoption_file.check(tmp_path)
    assert "is damaged" in failed.value.what


def test_the_public_listeners_that_the_proxy_lacks() -> None:
    assert BEGUN.pending == {"0.0.0.0:80"}
    assert Adoption("", "redirect", (), BEGUN.temporary, real=True).pending == set()
