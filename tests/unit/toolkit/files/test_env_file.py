"""The env file: what compose reads, and a rewrite that touches one value only."""

import os
import shutil
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import yaml

from toolkit.errors import Refused
from toolkit.files import env_file

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[4]
CASES = sorted((ROOT / "tests" / "cases" / "env").glob("*.env"))
COMPOSE = shutil.which("docker-compose")
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9][a-z0-9.+-]{0,8}", fullmatch=True)
PLAIN = st.from_regex(r"[a-z0-9./:@-]{0,10}", fullmatch=True)
BLANKS = st.sampled_from(["", " ", "\t"])
COMMENTS = st.sampled_from(["", "  # a comment", "\t#", " # it's 'quoted'"])


@st.composite
def env_files(draw: st.DrawFn) -> str:
    lines = []
    names = [
        *draw(st.lists(KEYS, max_size=5)),
        *draw(st.lists(st.sampled_from(env_file.VERSIONS), max_size=3)),
    ]
    for key in draw(st.permutations(names)):
        value = draw(VERSIONS if key in env_file.VERSIONS else PLAIN)
        forms = [value, f'"{value}"', f"'{value}'"]
        if key not in env_file.VERSIONS:
            forms.append(f'"{value}\nVERSION=9.9.9\n{value}"')
        export = draw(st.sampled_from(["", "export ", "  "]))
        quoted = draw(st.sampled_from(forms))
        lines.append(f"{export}{key}{draw(BLANKS)}={draw(BLANKS)}{quoted}{draw(COMMENTS)}")
        lines += draw(st.sampled_from([[], [""], ["# A=1"], ["   "], ["BARE"], ["export BARE"]]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    mark = draw(st.sampled_from(["", env_file.MARK]))
    return mark + newline.join(lines).replace("\n", newline) + draw(st.sampled_from(["", newline]))


@pytest.mark.threat(88)
@given(env_files(), st.sampled_from(env_file.VERSIONS), VERSIONS)
def test_88_rewriting_changes_the_version_that_counts_and_nothing_else(
    text: str, key: str, version: str
) -> None:
    before = env_file.parse(text, known={})
    rewritten = env_file.rewrite(text, key, version)
    assert env_file.parse(rewritten, known={}) == {**before, key: version}
    if key not in before:
        assert rewritten.startswith(text)
    elif rewritten != text:
        (at,) = [each for each in range(len(text)) if turned(text, each, before[key], version) == rewritten][
            :1
        ]
        assert text[at : at + len(before[key])] == before[key]


def turned(text: str, at: int, old: str, new: str) -> str:
    return f"{text[:at]}{new}{text[at + len(old) :]}"


def compose_reads(text: str, names: list[str], folder: Path) -> dict[str, str]:
    """What docker-compose gives a container for each name; those that it does not know are left out."""
    assert COMPOSE
    (folder / "probe.env").write_bytes(text.encode())
    lines = "".join(f"      {name}: ${{{name}-unset}}\n" for name in names)
    (folder / "compose.yaml").write_text(f"services:\n  a:\n    image: a\n    environment:\n{lines}")
    argv = [COMPOSE, "--env-file", "probe.env", "--file", "compose.yaml", "config"]
    kept = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(argv, cwd=folder, env=kept, capture_output=True, text=True, check=True, timeout=60)
    assert "could not parse" not in done.stderr
    told = yaml.decode(done.stdout)["services"]["a"]["environment"]
    return {name: str(told[name]).replace("$$", "$") for name in names if str(told[name]) != "unset"}


def names_of(text: str) -> list[str]:
    """Those that a compose file can ask for."""
    found, _ = env_file.read(text)
    return [each for each in dict.fromkeys(one.name for one in found) if each.isidentifier()]


ODD = """
A=#no comment
B=b#c
C=b c   # d
D='b # c' # d
E="b \\" c"
F=it's
G = spaced
export H="tab\\tline\\nend"
I=${A}-${B:-x}-${NOWHERE:-default}-${NOWHERE}
J='${C}'
K=$A
L="two
lines # no comment
KEY='x'"
M=
N=""
O=a=b=c
P='it\\'s'
Q=1
Q=2
R=${Q}
"""


@pytest.mark.threat(88)
@pytest.mark.skipif(COMPOSE is None, reason="docker-compose is not installed")
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_88_a_file_that_compose_accepts_is_read_as_it_reads_it(path: Path, tmp_path: Path) -> None:
    text = path.read_bytes().decode()
    names = names_of(text)
    for each in (text, env_file.rewrite(text, "VERSION", "1.6.9")):
        read = {name: value for name, value in env_file.parse(each).items() if name in names}
        found = compose_reads(each, names, tmp_path)
        assert {**read, "DEBUG": found.get("DEBUG", "")} == {**found, "DEBUG": found.get("DEBUG", "")}


@pytest.mark.threat(88)
@pytest.mark.skipif(COMPOSE is None, reason="docker-compose is not installed")
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_88_odd_values_are_read_as_compose_reads_them(tmp_path: Path, newline: str) -> None:
    text = ODD.replace("\n", newline)
    assert env_file.parse(text) == compose_reads(text, names_of(text), tmp_path)


@pytest.mark.threat(88)
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_88_only_the_version_changes_byte_for_byte(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / ".env"
    before = path.read_bytes()
    copy.write_bytes(before)
    env_file.set_value(copy, "VERSION", "1.6.9")
    head, old, tail = before.rpartition(b"1.6.8")
    assert old
    assert copy.read_bytes() == head + b"1.6.9" + tail
    env_file.set_value(copy, "CURRENT_VERSION", "1.6.8")
    first, _, rest = (head + b"1.6.9" + tail).partition(b"1.6.7")
    assert copy.read_bytes() == first + b"1.6.8" + rest


@pytest.mark.threat(88)
def test_88_what_follows_from_a_version_follows_a_new_one() -> None:
    text = "VERSION=1.6.8\nTAG=v${VERSION}\nFULL=${TAG}-x\nOTHER=${HOME}\nPLAIN=1.6.8\n"
    assert env_file.derived(text, {"VERSION": "1.6.9"}) == {"TAG": "v1.6.9", "FULL": "v1.6.9-x"}


@pytest.mark.threat(88)
def test_88_the_last_of_two_counts_and_is_changed() -> None:
    text = "VERSION=1\nA=2\nVERSION=3 # this one\n"
    assert env_file.parse(text)["VERSION"] == "3"
    assert env_file.rewrite(text, "VERSION", "4") == "VERSION=1\nA=2\nVERSION=4 # this one\n"


@pytest.mark.threat(88)
def test_88_a_colon_is_read_as_docker_compose_reads_it() -> None:
    assert env_file.parse("VERSION: 1.6.8 # so\nA: 'b'\n") == {"VERSION": "1.6.8", "A": "b"}
    assert env_file.rewrite("VERSION: '1.6.8' # so\n", "VERSION", "1.6.9") == "VERSION: '1.6.9' # so\n"


@pytest.mark.threat(88)
@pytest.mark.parametrize(
    "text",
    [
        "PASSWORD='s3cret",
        'PASSWORD="s3cret" s3cret',
        "PASS WORD=s3cret",
        "s3cret s3cret",
        "VERSION=s3cret!",
        "VERSION='s3cret\nPASSWORD=s3cret'",
        "A: 's3cret",
    ],
)
def test_88_no_value_gets_into_a_message(text: str) -> None:
    with pytest.raises(Refused) as caught:
        env_file.parse(f"CURRENT_VERSION=1.6.7\n{text}\n")
    assert "s3cret" not in f"{caught.value} {caught.value.next} {caught.value.detail}"
    assert str(caught.value).startswith(".env:2: ")


def test_every_broken_line_is_named_at_once() -> None:
    with pytest.raises(Refused) as caught:
        env_file.parse("VERSION=a!\nA='b\nfine=1\nnot fine\n")
    places = (".env:1: VERSION is", ".env:2: the quotes of A", ".env:4: it is not KEY=VALUE")
    said = f"{caught.value}\n{caught.value.detail}"
    assert sorted(said.index(place) for place in places) == [said.index(place) for place in places]


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("VERSION=1.6.8   # next\r\n", "1.6.9", "VERSION=1.6.9   # next\r\n"),
        ("  export VERSION = '1.6.8' # next", "1.6.9", "  export VERSION = '1.6.9' # next"),
        ("VERSION=  # none yet\n", "1.6.8", "VERSION=1.6.8  # none yet\n"),
        ("# VERSION=1\nA=2", "1.6.8", "# VERSION=1\nA=2\nVERSION=1.6.8\n"),
        ("", "1.6.8", "VERSION=1.6.8\n"),
    ],
)
def test_a_rewrite_keeps_blanks_and_comments(before: str, value: str, after: str) -> None:
    assert env_file.rewrite(before, "VERSION", value) == after


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=1", "1"),
        ("A=", ""),
        ("A= # nothing", ""),
        ("A=#not-a-comment", "#not-a-comment"),
        ("A=b#c", "b#c"),
        ("A=b c  ", "b c"),
        ("A='b # c' # d", "b # c"),
        ('A="b \\" c"', 'b " c'),
        ("export A = b # c", "b"),
        ("A=b\r\n", "b"),
        ("A=it's", "it's"),
    ],
)
def test_values_as_compose_reads_them(text: str, value: str) -> None:
    assert env_file.parse(text) == {"A": value}


@pytest.mark.threat(50)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# fine\nVERSION 1.6.7\n", r"\.env:2: .*not KEY=VALUE"),
        ("A=1\n\n=2", r"\.env:3"),
        ("A='b", r"\.env:1: the quotes of A do not close; write A='...'"),
        ('A=1\nB="x" y', r"\.env:2: something follows the quotes of B; write B='...'"),
        ("CURRENT_VERSION=", r"\.env:1: CURRENT_VERSION is no version"),
        ("VERSION=../x", r"\.env:1: VERSION is no version; write VERSION=1.2.3"),
    ],
)
def test_50_a_mistake_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        env_file.parse(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Refused):
        env_file.parse(text)


def test_the_file_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.env", tmp_path / ".env"
    real.write_text("VERSION=1.6.8   # next\n")
    real.chmod(0o600)
    link.symlink_to(real)
    env_file.set_value(link, "VERSION", "1.6.9")
    assert link.is_symlink()
    assert real.read_text() == "VERSION=1.6.9   # next\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


def test_a_value_that_is_there_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("VERSION=1.6.8\n")
    before = path.stat()
    env_file.set_value(path, "VERSION", "1.6.8")
    assert path.stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, r"\.env does not exist"), (b"A=1\nB=\xff", r"\.env:2: it is not UTF-8 .*; save it as UTF-8")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / ".env"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refused, match=said):
        env_file.load(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.touch()
    os.chown(path, 1234, 1234)
    env_file.set_value(path, "VERSION", "1.6.9")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1234)
