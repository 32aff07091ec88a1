"""Files that the proxy sends for a Django app: of folders, of a volume, and by X-Accel-Redirect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Self

import pytest
import requests

from tests.e2e.support.cases import Case
from tests.e2e.support.stacks import eventually, running

READER = {"Authorization": "Bearer a-key-of-the-archive"}
SYMLINK = r"(openat|open|stat|openat2|fstatat)\(\) .* failed \((40|13|20|2): "


class Archive(Case):
    """tests/cases/projects/archive, with files in its folders."""

    kind = "archive"
    own = """port = 8000
health = "/health"
static = {"/static/" = "site", "/uploads/" = "volume:uploads", "/assets/" = "slot:/app/static"}
accel = {"/protected/" = "media"}"""

    def create(self) -> Self:
        super().create()
        for folder in ("media", "site"):
            (self.directory / folder).mkdir()
        self.write("site/style.css", "/* of the host */")
        self.write("site/.hidden/notes.txt", "nobody reads this")
        self.write("media/report.pdf", "%PDF " + "x" * 1000)
        self.write("media/.secret", "nobody reads this")
        self.write("secret.txt", "nobody reads this")
        (self.directory / "media" / "out").symlink_to("../secret.txt")
        (self.directory / "media" / "up").symlink_to("..")
        return self

    def write(self, path: str, text: str) -> None:
        file = self.directory / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(self.url + path, headers=headers, timeout=30)

    def document(self, name: str, query: str = "", **headers: str) -> requests.Response:
        return self.get(f"/documents/{name}{query}", **READER, **headers)

    def new_pin(self) -> str:
        """The cookie of a new browser, which has loaded a page."""
        page = self.get("/", Accept="text/html")
        return "; ".join(f"{name}={value}" for name, value in page.cookies.items())

    def open_requests(self) -> dict[str, int]:
        return {name: slot["open"] for name, slot in self.proxy_status()["slots"].items()}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with running(tmp_path_factory.mktemp("accel") / "project", Archive) as one:
        assert isinstance(one, Archive)
        one.expected += [SYMLINK, "unsafe URI"]
        yield one


def test_a_document_is_sent_by_the_proxy_with_what_the_app_says_of_it(archive):
    whole = (archive.directory / "media" / "report.pdf").read_bytes()
    found = archive.document("report.pdf")
    assert (found.status_code, found.content) == (200, whole)
    for name, value in {
        "Content-Type": "application/pdf",
        "Content-Disposition": 'attachment; filename="report.pdf"',
        "Cache-Control": "private, max-age=60",
        "X-Deployment-Version": "1",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
    }.items():
        assert found.headers[name] == value, name
    assert found.cookies["seen"] == "report.pdf"
    assert "X-Accel-Redirect" not in found.headers
    part = archive.document("report.pdf", Range="bytes=1-3")
    assert (part.status_code, part.content) == (206, b"PDF")
    again = archive.document("report.pdf", **{"If-None-Match": found.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = requests.head(f"{archive.url}/documents/report.pdf", headers=READER, timeout=30)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(whole)))


def test_it_is_routed_and_counted_once(archive):
    def count() -> float:
        text = requests.get(f"{archive.control_url}/metrics", timeout=10).text
        return sum(float(value) for value in re.findall(r"(?m)^bgctl_requests_total\{.*\} (\S+)$", text))

    archive.settled()
    before = count()
    for _ in range(20):
        assert archive.document("report.pdf").status_code == 200
        assert archive.get("/elsewhere?to=/").status_code == 404
    archive.settled()
    eventually(lambda: count() == before + 40, "each is counted")
    assert archive.open_requests() == {"blue": 0, "green": 0}, "and counted out"


@pytest.mark.parametrize(
    "name",
    ["missing.pdf", ".secret", "out", "up/secret.txt", "up/", "", "../secret.txt", "%2e%2e/secret.txt"],
)
def test_what_is_no_document_is_not_there(archive, name):
    for found in (archive.document(name), archive.get(f"/elsewhere?to=/protected/{name}")):
        assert found.status_code in (403, 404), name
        assert b"nobody reads" not in found.content


@pytest.mark.parametrize(
    "to",
    ["/", "/health", "/static/style.css", "/api/deployment/version", "/_bgctl/preview", "@bg_app_web", "x"],
)
def test_an_app_leads_to_its_own_folders_only(archive, to):
    found = archive.get(f"/elsewhere?to={to}")
    assert found.status_code == 404
    assert b"release" not in found.content


def test_only_the_app_leads_to_its_documents(archive):
    assert archive.get("/protected/report.pdf", **READER).status_code == 404
    assert archive.get("/documents/report.pdf").status_code == 404, "Django says so, and not the proxy"


def test_files_of_a_folder_are_sent_and_what_is_not_there_the_app_is_asked_for(archive):
    found = archive.get("/static/style.css")
    assert (found.status_code, found.text) == (200, "/* of the host */")
    assert found.headers["Content-Type"] == "text/css"
    assert found.headers["X-Deployment-Version"] == "1"
    missing = archive.get("/static/other.css")
    assert (missing.status_code, missing.text) == (404, "Django has no other.css either")
    assert requests.post(f"{archive.url}/static/style.css", timeout=30).status_code == 405
    for path in (
        "/static/",
        "/static",
        "/static/.hidden/notes.txt",
        "/static/.hidden/",
        "/static/%2ehidden/x",
    ):
        assert b"nobody reads" not in archive.get(path).content
        assert b"Index of" not in archive.get(path).content


def test_each_version_has_its_own_files_of_its_slots(archive):
    """Which of them a session gets is its own version's, as of everything else."""
    first = {"Cookie": archive.new_pin()}
    assert archive.get("/assets/app.css", **first).text == "/* release 1 */\n"
    archive.write("static/app.css", "/* release 2 */")
    archive.write("static/new.css", "/* new in 2 */")
    archive.develop("2")
    archive.bgctl("up-green", "2")
    archive.bgctl("route", "enable-green")
    assert archive.get("/assets/app.css", **first).text == "/* release 1 */\n"
    assert archive.get("/assets/new.css", **first).status_code == 404
    second = {"Cookie": archive.new_pin()}
    for path, text in (("app.css", "/* release 2 */"), ("new.css", "/* new in 2 */")):
        found = archive.get(f"/assets/{path}", **second)
        assert (found.text, found.headers["X-Deployment-Version"]) == (text, "2")
    archive.bgctl("rollback")
    assert archive.get("/assets/app.css", **second).text == "/* release 1 */\n"
    assert (archive.directory / "files/web/2/assets/new.css").exists(), "a version keeps its files"


def test_what_the_app_writes_into_a_volume_is_sent(archive):
    archive.container("web-blue").exec_run(["sh", "-c", "echo of the volume > /app/uploads/a.txt"])
    found = archive.get("/uploads/a.txt")
    assert (found.status_code, found.text) == (200, "of the volume\n")


def test_a_folder_that_is_not_there_is_told_before_anything_changes(archive):
    path = archive.directory / "bgctl.toml"
    before = path.read_text()
    path.write_text(before.replace('"media"', '"papers"'))
    try:
        said = archive.bgctl("up", code=3).stderr
        assert "there is no folder papers" in said
        assert "mkdir -p papers" in said
        path.write_text(before.replace('"/static/"', '"/style/"'))
        said = archive.bgctl("reload", code=3).stderr
        assert "the proxy's container lacks a folder" in said
        assert "bgctl up" in said
        assert archive.get("/static/style.css").status_code == 200
        said = archive.bgctl("up").stderr
        assert "new container" in said
        assert archive.get("/style/style.css").status_code == 200
    finally:
        path.write_text(before)
    archive.bgctl("up")
    assert archive.get("/static/style.css").status_code == 200
