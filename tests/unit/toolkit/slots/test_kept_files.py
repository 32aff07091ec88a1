"""What is kept of a slot for old pages: what everybody gets from it, and no more than there is room for."""

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.toolkit.support.engines import FakeEngine, Listening, project_on
from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit.engine.container import SERVICE, Container, Settings, Status
from toolkit.errors import Failed
from toolkit.project import Project
from toolkit.release import prune
from toolkit.slots import asset_answers, kept_files, kept_list, serving
from toolkit.slots.kept_list import Kept

FOREVER = "public, max-age=31536000"
FILES = {
    "a-1.js": (200, "text/javascript", FOREVER),
    "page.html": (200, "text/html", FOREVER),
    "sub/b.css": (200, "text/css", ""),
    "of members.js": (403, "text/plain", ""),
    "mine.js": (200, "text/javascript", "private"),
    "gone.js": (200, "text/html", ""),  # the page of a single-page app
}

LEFT_OUT = (".secret.js", "out.js", "up/hostname")  # though the app gives them to everybody


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        name = self.path.removeprefix("/assets/").replace("%20", " ")
        status, kind, caching = FILES.get(name, (200 if name in LEFT_OUT else 404, "text/plain", ""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", "0")
        if caching:
            self.send_header("Cache-Control", caching)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Copying(FakeEngine):
    """Its container has the folder `image`."""

    image: Path

    def look(self, service: str) -> Container:
        return Container("c1", Status("running", running=True), Settings("shop:1", {SERVICE: service}))

    def copy(self, container: Container, source: str, target: Path) -> None:
        if not self.image.exists():
            raise Failed("cannot copy", f"{source} is not there", "")
        shutil.copytree(self.image, target, symlinks=True)


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def project(world: World, tmp_path: Path, server: ThreadingHTTPServer) -> Project:
    """At rest on 1.6.7; the slots answer at the server's address."""
    path = world.root / "bgctl.toml"
    own = 'assets = {"/assets/" = "slot:/app/assets"}\nassets_keep = 1\nassets_room = "1m"'
    head, table, rest = path.read_text().partition("[services.frontend]\n")
    blue = re.sub(r"(?m)^blue = .*", f'blue = "127.0.0.1:{server.server_port}"', rest, count=1)
    path.write_text(f"{head}{table}{own}\n{blue}")
    world.put("rest", READY, NONE)
    engine = Copying(world)
    engine.image = tmp_path / "image"
    for name in FILES:
        file = engine.image / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        file.chmod(0o600)
    (engine.image / ".secret.js").write_text("nobody reads this")
    (engine.image / "out.js").symlink_to("/etc/hostname")
    (engine.image / "up").symlink_to("/etc")
    return project_on(engine, Listening())


def listed(project: Project) -> dict[str, dict[str, list[str]]]:
    found = msgspec.json.decode((project.root / "files/frontend/kept.json").read_bytes())
    return {
        each["version"]: {path: each["notes"][place - 1] for path, place in each["files"].items()}
        for each in found["versions"]
    }


def warnings(project: Project) -> list[str]:
    assert isinstance(project.ui, Listening)
    return project.ui.warned


def test_what_everybody_gets_is_kept_with_its_headers(project: Project) -> None:
    kept_files.take(project, "blue", "1.6.7")
    assert warnings(project) == []
    assert listed(project) == {
        "1.6.7": {
            "/assets/a-1.js": ["text/javascript", FOREVER],
            "/assets/page.html": ["text/html", FOREVER],
            "/assets/sub/b.css": ["text/css", ""],
        }
    }
    here = project.root / "files/frontend/1.6.7"
    there = {path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()}
    assert there == {".kept.json", "assets/a-1.js", "assets/page.html", "assets/sub/b.css"}
    assert (here / "assets/a-1.js").stat().st_mode & 0o444 == 0o444


def test_it_is_done_once_for_an_image(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    kept_files.take(project, "blue", "1.6.7")
    monkeypatch.setattr(Copying, "copy", lambda *_: pytest.fail("copied again"))
    kept_files.take(project, "blue", "1.6.7")
    kept_files.take_last(project, "blue")
    assert warnings(project) == []


def test_a_slot_that_is_older_than_the_setting_gives_its_files_when_it_goes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "serves", lambda *_: True)
    kept_files.take_last(project, "green")
    assert not (project.root / "files").exists(), "nothing is in green"
    kept_files.take_last(project, "blue")
    assert list(listed(project)) == ["1.6.7"]


def test_a_folder_that_is_not_there_stops_no_release(project: Project, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "image")
    kept_files.take(project, "blue", "1.6.7")
    (said,) = warnings(project)
    assert "files of frontend 1.6.7 are not kept" in said
    assert "/app/assets is not there" in said
    assert not (project.root / "files/frontend/1.6.7").exists()


def test_a_folder_that_is_a_link_is_named_and_not_followed(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docker cp copies the link, which leads to something of this host."""
    monkeypatch.setattr(Copying, "copy", lambda *given: given[-1].symlink_to("/etc"))
    kept_files.take(project, "blue", "1.6.7")
    (said,) = warnings(project)
    assert "a link to /etc" in said
    assert not (project.root / "files/frontend/1.6.7").exists()


def test_an_app_that_is_silent_stops_no_release(project: Project, server: ThreadingHTTPServer) -> None:
    server.server_close()
    kept_files.take(project, "blue", "1.6.7")
    (said,) = warnings(project)
    assert "does not answer" in said
    assert "bgctl status" in said
    assert not (project.root / "files/frontend/1.6.7").exists()


def test_what_is_too_large_is_not_kept(project: Project, tmp_path: Path) -> None:
    (tmp_path / "image" / "a-1.js").write_bytes(bytes(1 << 21))
    kept_files.take(project, "blue", "1.6.7")
    (said,) = warnings(project)
    assert "assets_room" in said
    assert "raise services.frontend.assets_room" in said
    assert not (project.root / "files/frontend/1.6.7").exists()


def test_what_are_too_many_files_are_not_kept(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The app is not asked for them: that would take longer than a release has time."""
    monkeypatch.setattr(kept_files, "MOST", 2)
    monkeypatch.setattr(asset_answers, "of_all", lambda *_: pytest.fail("asked"))
    kept_files.take(project, "blue", "1.6.7")
    (said,) = warnings(project)
    assert "they are too many: " in said
    assert "2 of a version are kept at most; next: name smaller folders in services.frontend.assets" in said
    assert not (project.root / "files/frontend/1.6.7").exists()


def test_the_proxys_list_is_written_anew_only_when_it_says_something_else(project: Project) -> None:
    kept_files.take(project, "blue", "1.6.7")
    path = project.root / "files/frontend/kept.json"
    before = path.stat()
    kept_files.take(project, "blue", "1.6.7")
    assert path.stat() == before
    path.unlink()
    kept_files.take(project, "blue", "1.6.7")
    assert list(listed(project)) == ["1.6.7"], "a run that was cut short had not come to that"
    made = path.read_bytes()[: kept_list.BEGINS]
    put_older(project, "1.6.6")
    kept_list.publish(project, "frontend")
    assert path.read_bytes()[: kept_list.BEGINS] != made, "its beginning says so"
    assert made.endswith(b'",')


def fill(folder: Path, leave: int) -> None:
    """Takes all room of the disk but so many bytes."""
    with (folder / "filler").open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(4096))
        file.truncate(file.tell() - leave)


@pytest.mark.parametrize("leave", [0, 4096])
def test_a_full_disk_leaves_nothing_half_done(
    project: Project, monkeypatch: pytest.MonkeyPatch, leave: int
) -> None:
    """Full at the list of the version, or at that of the proxy. What is not listed would never be removed."""
    files, put = project.root / "files", kept_files._put
    files.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", files], capture_output=True)
    if mounted.returncode:
        pytest.skip("may not mount a small file system here")

    def put_then_fill(new: Path, place: Path) -> None:
        put(new, place)
        fill(files, leave)

    monkeypatch.setattr(kept_files, "_put", put_then_fill)
    try:
        put_older(project, "1.6.6")
        kept_list.publish(project, "frontend")
        kept_files.take(project, "blue", "1.6.7")
        (said,) = warnings(project)
        assert "files of frontend 1.6.7 are not kept" in said
        assert "the disk is full" in said
        assert "; next: free some space: df -h" in said
        assert (files / "frontend/1.6.7").exists() == (leave > 0)
        assert list(listed(project)) == ["1.6.6"]
        (files / "filler").unlink()
        monkeypatch.setattr(kept_files, "_put", put)
        kept_files.take(project, "blue", "1.6.7")
        assert list(listed(project)) == ["1.6.7", "1.6.6"]
    finally:
        subprocess.run(["umount", files], check=True)


def test_the_folder_that_a_full_disk_is_looked_at_by_is_there_afterwards(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(*_: object) -> None:
        raise Failed("docker cp failed", "write a.js: no space left on device")

    monkeypatch.setattr(Copying, "copy", copy)
    kept_files.take(project, "blue", "1.6.7")
    (said,) = warnings(project)
    folder = re.search(r"next: free some space: df -h ([^;]+);", said)
    assert folder
    assert Path(folder[1]).is_dir()


@pytest.mark.threat(42)
def test_42_a_copy_that_was_cut_short_is_made_anew(project: Project) -> None:
    """Nothing of it is promised before all of it is there."""
    here = project.root / "files/frontend/1.6.7"
    (here / ".new-kept/assets").mkdir(parents=True)
    (here / "assets").mkdir()
    (here / "assets" / "half.js").write_text("half")
    (here / ".kept.json").write_text('{"version": "1.6.7", "of')
    kept_files.take(project, "blue", "1.6.7")
    assert warnings(project) == []
    assert not (here / ".new-kept").exists()
    assert not (here / "assets/half.js").exists()
    assert len(listed(project)["1.6.7"]) == 3


def put_older(project: Project, *versions: str) -> None:
    """Kept of versions before, the newest first."""
    for at, version in enumerate(versions):
        folder = project.root / "files/frontend" / version
        (folder / "assets").mkdir(parents=True)
        (folder / "assets/x.js").write_text(version)
        kept = Kept(version, [], -at, 1, {"/assets/x.js": ("text/javascript", "")})
        kept_list.note(project, "frontend", kept)


def test_the_newest_stay_and_those_in_a_slot(project: Project) -> None:
    put_older(project, "1.6.6", "1.6.5", "1.6.4")
    assert [each.kept.version for each in kept_files.surplus(project)] == ["1.6.5", "1.6.4"]
    kept_files.take(project, "blue", "1.6.7")
    assert list(listed(project)) == ["1.6.7", "1.6.6"]
    assert not (project.root / "files/frontend/1.6.5").exists()


def test_what_static_has_copied_stays(project: Project) -> None:
    put_older(project, "1.6.6", "1.6.5")
    static = project.root / "files/frontend/1.6.5/static"
    static.mkdir()
    kept_files.forget(project, kept_files.surplus(project))
    assert static.exists()
    assert not (static.parent / "assets").exists()


def test_prune_tells_and_removes_them(project: Project) -> None:
    put_older(project, "1.6.6", "1.6.5")
    rows = list(prune._files(project, dry_run=True))
    assert [(each.version, each.kind, each.name) for each in rows] == [("1.6.5", "files", "frontend")]
    assert (project.root / "files/frontend/1.6.5").exists()
    list(prune._files(project, dry_run=False))
    assert not (project.root / "files/frontend/1.6.5").exists()
    assert list(prune._files(project, dry_run=False)) == []
