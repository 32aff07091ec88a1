"""Where images are made, in a checkout and where bgctl is installed."""

from pathlib import Path

import pytest

from toolkit import shipped
from toolkit.errors import Refused
from toolkit.images import places


def test_a_checkout_keeps_it_beside_its_files() -> None:
    assert shipped.CHECKOUT
    assert places.images() == shipped.CHECKOUT / ".cache" / "images"
    assert places.log() == shipped.CHECKOUT / ".cache" / "setup" / "images.log"


@pytest.mark.parametrize(
    ("named", "below"),
    [
        ("/somewhere/cache", "/somewhere/cache/bgctl"),
        ("", "{home}/.cache/bgctl"),
        ("x", "{home}/.cache/bgctl"),
    ],
)
def test_an_installed_bgctl_uses_the_cache_of_its_user(
    named: str, below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "CHECKOUT", None)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert places.root() == Path(below.format(home=tmp_path))


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(places, "CHECKOUT", None)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(Refused, match="this user has no home") as caught:
        places.root()
    assert caught.value.next.startswith("export XDG_CACHE_HOME=FOLDER")


def test_files_are_found_in_both_worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shipped.shipped("lua", "bg").is_dir()
    share = tmp_path / "toolkit" / "share"
    (share / "lua").mkdir(parents=True)
    (tmp_path / "session_api").mkdir()
    monkeypatch.setattr(shipped, "_HERE", share.parent)
    monkeypatch.setattr(shipped, "_SHARE", share)
    assert shipped.shipped("lua") == share / "lua"
    assert shipped.shipped("session_api") == tmp_path / "session_api", "it is a package of the wheel itself"
