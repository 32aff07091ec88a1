"""The env file: what compose reads, and a rewrite that touches one value only."""

import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import envfile
from toolkit.errors import Refused

KEYS = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True).filter(lambda key: key not in envfile.VERSIONS)
VALUES = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=("Cc",)), max_size=20
)
PLAIN = st.from_regex(r"[a-z0-9./:@-]{0,10}", fullmatch=True)
BLANKS = st.sampled_from(["", " ", "\t"])
COMMENTS = st.sampled_from(["", "  # a comment", "\t#", " # it's 'quoted'"])


@st.composite
def env_files(draw: st.DrawFn) -> str:
    lines = []
    for key in draw(st.lists(KEYS, unique=True, max_size=5)):
        value = draw(PLAIN)
        quoted = draw(st.sampled_from([value, f'"{value}"', f"'{value}'"]))
        export = draw(st.sampled_from(["", "export ", "  "]))
        lines.append(f"{export}{key}{draw(BLANKS)}={draw(BLANKS)}{quoted}{draw(COMMENTS)}")
        lines += draw(st.sampled_from([[], [""], ["# A=1"], ["   "]]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return newline.join(lines) + draw(st.sampled_from(["", newline]))


@given(env_files(), KEYS, VALUES)
def test_rewriting_sets_one_value_and_keeps_the_others(text: str, key: str, value: str) -> None:
    before = envfile.parse(text)
    rewritten = envfile.rewrite(text, key, value)
    assert envfile.parse(rewritten) == {**before, key: value}
    if key in before:
        changed = [
            pair for pair in zip(text.split("\n"), rewritten.split("\n"), strict=True) if pair[0] != pair[1]
        ]
        assert len(changed) <= 1


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("VERSION=1.6.8   # next\r\n", "1.6.9", "VERSION=1.6.9   # next\r\n"),
        ("  export VERSION = '1.6.8' # next", "1.6.9", "  export VERSION = 1.6.9 # next"),
        ("VERSION=  # none yet\n", "1.6.8", "VERSION=1.6.8  # none yet\n"),
        ("# VERSION=1\nA=2", "1.6.8", "# VERSION=1\nA=2\nVERSION=1.6.8\n"),
        ("", "1.6.8", "VERSION=1.6.8\n"),
    ],
)
def test_a_rewrite_keeps_blanks_and_comments(before: str, value: str, after: str) -> None:
    assert envfile.rewrite(before, "VERSION", value) == after


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
        ('A="b \\" \\$ c"', 'b " $ c'),
        ("export A = b # c", "b"),
        ("A=b\r\n", "b"),
        ("A=it's", "it's"),
    ],
)
def test_values_as_compose_reads_them(text: str, value: str) -> None:
    assert envfile.parse(text) == {"A": value}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# fine\nVERSION 1.6.7\n", r"\.env:2: .*not KEY=VALUE"),
        ("A=1\n\n=2", r"\.env:3"),
        ("A='b", r"\.env:1: the quotes of A do not close"),
        ('A=1\nB="x" y', r"\.env:2: the quotes of B"),
        ("A=1\nB=2\nA=3", r"\.env:3: A is set a second time"),
        ("CURRENT_VERSION=", r"\.env:1: CURRENT_VERSION is ''"),
        ("VERSION=../x", r"\.env:1: VERSION"),
        ("1A=3", r"\.env:1"),
    ],
)
def test_50_a_mistake_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        envfile.parse(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Refused):
        envfile.parse(text)


def test_the_file_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.env", tmp_path / ".env"
    real.write_text("VERSION=1.6.8   # next\n")
    real.chmod(0o600)
    link.symlink_to(real)
    envfile.set_value(link, "VERSION", "1.6.9")
    assert link.is_symlink()
    assert real.read_text() == "VERSION=1.6.9   # next\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


def test_a_value_that_is_there_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("VERSION=1.6.8\n")
    before = path.stat()
    envfile.set_value(path, "VERSION", "1.6.8")
    assert path.stat().st_ino == before.st_ino


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / ".env"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refused, match=r"\.env"):
        envfile.load(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.touch()
    os.chown(path, 1234, 1234)
    envfile.set_value(path, "VERSION", "1.6.9")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1234)
