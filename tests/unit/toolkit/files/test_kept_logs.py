"""state/logs/: what is kept of containers that are gone, and for how long."""

from pathlib import Path

import pytest

from toolkit.files import kept_logs
from toolkit.files.kept_logs import Kept


def kept(version: str, at: int, service: str = "web-blue", size: int = 10) -> Kept:
    stamp = f"2026-01-15T10:30:{at:02}Z"
    return Kept(version, service, stamp, Path(f"/x/{version}/{service}.{at}.log"), size)


def test_what_is_written_is_found_and_only_for_its_owner(tmp_path: Path) -> None:
    kept_logs.write(tmp_path, "1.6.7", "web-blue", "2026-01-15T10:30:00Z", b"t one\nt two\n")
    kept_logs.write(tmp_path, "1.6.8", "a.b-green", "2026-01-15T10:29:00Z", b"t \xff\n")
    first, second = kept_logs.known(tmp_path)
    assert (first.version, first.service, first.at) == ("1.6.8", "a.b-green", "2026-01-15T10:29:00Z")
    assert second.lines() == ["t one", "t two"]
    assert first.lines() == ["t \ufffd"]
    assert second.path.stat().st_mode & 0o777 == 0o600
    assert second.path.parent.stat().st_mode & 0o777 == 0o700
    assert kept_logs.versions([first, second]) == ["1.6.7", "1.6.8"]


def test_what_is_not_ours_is_left_out(tmp_path: Path) -> None:
    for name in (
        "1.6.7/notes.log",
        "1.6.7/.web.20260115T103000Z.log.tmp",
        ".hidden/web.20260115T103000Z.log",
    ):
        path = tmp_path / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert kept_logs.known(tmp_path) == []


def test_versions_beyond_the_last_ones_go() -> None:
    found = [kept("1", 1), kept("2", 2), kept("3", 3), kept("1", 4)]
    assert kept_logs.surplus(found, 2) == [kept("2", 2)]
    assert kept_logs.surplus(found, 0) == list(reversed(found))


def test_of_a_version_that_is_tried_again_and_again_the_last_ends_stay() -> None:
    found = [kept("1", at) for at in range(5)] + [kept("1", 9, "worker-blue")]
    assert kept_logs.surplus(found, 10) == [kept("1", 1), kept("1", 0)]


def test_all_together_have_a_limit() -> None:
    found = [kept("1", 1, size=60), kept("2", 2, size=60), kept("3", 3, size=30)]
    assert kept_logs.surplus(found, 10, total=100) == [kept("1", 1, size=60)]


def test_an_empty_folder_goes_with_its_last_file(tmp_path: Path) -> None:
    kept_logs.write(tmp_path, "1.6.7", "web-blue", "2026-01-15T10:30:00Z", b"x\n")
    kept_logs.remove(kept_logs.known(tmp_path))
    assert list((tmp_path / "logs").iterdir()) == []
    kept_logs.remove([kept("1", 1)])  # it is gone already


@pytest.mark.parametrize("version", ["1.6.7", "v1_2+x", "a" * 64])
def test_any_version_is_a_folder(tmp_path: Path, version: str) -> None:
    kept_logs.write(tmp_path, version, "web", "2026-01-15T10:30:00Z", b"x\n")
    assert [each.version for each in kept_logs.known(tmp_path)] == [version]
