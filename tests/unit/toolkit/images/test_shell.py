"""Commands that make images: their output, their log, and how they fail."""

import os
import stat
import threading
from pathlib import Path

import pytest

from toolkit.errors import Failed, Refused
from toolkit.images import places, shell
from toolkit.images.shell import Report, ignore, only_one

QUIET = Report(ignore)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "root", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def sh(script: str) -> list[str]:
    return ["sh", "-c", script]


def test_all_output_is_shown_and_logged() -> None:
    shown: list[str] = []
    with only_one(QUIET):
        shell.run(sh("echo one; echo two >&2"), Report(ignore, shown.append))
    assert shown == ["one", "two"]
    assert places.log().read_text() == "$ sh -c echo one; echo two >&2\none\ntwo\n"


def test_a_failure_has_the_end_of_the_output_and_the_place_of_the_log() -> None:
    with only_one(QUIET), pytest.raises(Failed) as caught:
        shell.run(sh("seq 30; echo 'no such thing'; exit 4"), QUIET)
    assert caught.value.why == "no such thing"
    lines = caught.value.detail.splitlines()
    assert lines[0] == "12"
    assert lines[-1] == f"all of it: {places.log()}"


def test_a_program_that_is_missing_is_named() -> None:
    with only_one(QUIET), pytest.raises(Refused, match="nonesuch was not found") as caught:
        shell.run(["nonesuch"], QUIET)
    assert caught.value.next == "install nonesuch"


def test_nothing_is_taken_from_the_folder_in_which_bgctl_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m pip` would take a module of the project's for one of Python's."""
    monkeypatch.chdir(tmp_path)
    with only_one(QUIET):
        shell.run(["pwd"], QUIET)
    assert str(tmp_path) not in places.log().read_text().splitlines()
    assert shell.answer(["pwd"]) == "/"


def test_a_hanging_command_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "LONGEST", 0.1)
    with only_one(QUIET), pytest.raises(Failed, match="sleep 600 failed"):
        shell.run(["sleep", "600"], QUIET)


def test_what_is_laid_out_can_be_read_by_containers_and_the_log_by_its_owner_only() -> None:
    before = os.umask(0o077)
    try:
        with only_one(QUIET):
            (places.images() / "made").mkdir()
        assert os.umask(0o077) == 0o077, "afterwards it is as before"
    finally:
        os.umask(before)
    assert stat.S_IMODE((places.images() / "made").stat().st_mode) == 0o755
    assert stat.S_IMODE(places.log().stat().st_mode) == 0o600


def test_two_wait_for_each_other_and_say_so() -> None:
    told, order = threading.Event(), []

    def second() -> None:
        with only_one(Report(lambda line: told.set())):
            order.append("second")

    with only_one(QUIET):
        other = threading.Thread(target=second)
        other.start()
        assert told.wait(10)
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.raises(Refused, match="cannot be written") as caught, only_one(QUIET):
        pass
    assert caught.value.next.startswith("export XDG_CACHE_HOME=FOLDER")


def test_an_interruption_ends_what_other_threads_have_started() -> None:
    began, codes = threading.Event(), []

    def work() -> None:
        with shell.started(["sleep", "600"], 600) as running:
            began.set()
            codes.append(running.wait())

    other = threading.Thread(target=work)
    other.start()
    assert began.wait(10)
    shell.end_all()
    other.join(10)
    assert codes == [-15]
