"""state/figures/: a file for each release, and not of too many."""

from pathlib import Path

from toolkit.files import samples_file

ID = "20260115-103000"


def test_lines_come_back_and_a_torn_one_spoils_no_other(tmp_path: Path) -> None:
    samples_file.append(tmp_path, ID, b"one")
    path = tmp_path / "figures" / f"{ID}.jsonl"
    with path.open("ab") as file:
        file.write(b"torn")
    samples_file.append(tmp_path, ID, b"two")
    assert samples_file.read(tmp_path, ID) == [b"one", b"torn", b"two"]
    assert 0 <= samples_file.age(tmp_path, ID) < 60


def test_of_a_release_that_is_not_known_there_is_nothing(tmp_path: Path) -> None:
    assert samples_file.read(tmp_path, ID) == []
    assert samples_file.age(tmp_path, ID) == float("inf")


def test_an_id_leads_nowhere_else(tmp_path: Path) -> None:
    samples_file.append(tmp_path, "../../x", b"one")
    assert samples_file.read(tmp_path, "../../x") == []
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_releases_go(tmp_path: Path) -> None:
    for number in range(samples_file.MOST + 3):
        samples_file.append(tmp_path, f"20260115-{number:06}", b"x")
    names = sorted(path.stem for path in (tmp_path / "figures").iterdir())
    assert len(names) == samples_file.MOST
    assert names[0] == "20260115-000003"
