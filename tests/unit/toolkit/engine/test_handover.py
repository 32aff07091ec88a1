"""A program that gets the terminal: its exit code, its standard input, and a document beside that."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.toolkit.support.worlds import ROOT
from toolkit.engine import handover
from toolkit.engine.handover import DOCUMENT, Line
from toolkit.errors import Failed

READ = "import sys; print(open(sys.argv[1]).read() + '|' + sys.stdin.read(), end=''); sys.exit(3)"
BECOME = """
import sys
from toolkit.engine import handover
from toolkit.engine.handover import DOCUMENT, Line
handover.{how}(Line({argv!r}, {{"A": "b"}}, None, {document!r}))
"""


def run(how: str, argv: list[str], document: str | None, stdin: str) -> subprocess.CompletedProcess[str]:
    code = BECOME.format(how=how, argv=argv, document=document)
    return subprocess.run([sys.executable, "-c", code], input=stdin, capture_output=True, text=True, cwd=ROOT)


def test_the_document_comes_beside_standard_input() -> None:
    done = run("become", [sys.executable, "-c", READ, DOCUMENT], "a: 1", "typed")
    assert (done.returncode, done.stdout) == (3, "a: 1|typed")


def test_or_as_standard_input() -> None:
    done = run("become", ["cat"], "a: 1", "typed")
    assert (done.returncode, done.stdout) == (0, "a: 1")


def test_without_a_document_all_is_the_operators() -> None:
    done = run("become", ["sh", "-c", "cat; echo $A; exit 9"], None, "typed\n")
    assert (done.returncode, done.stdout) == (9, "typed\nb\n")


def test_the_document_is_on_no_disk() -> None:
    where = "import os, sys; print(os.readlink(sys.argv[1]))"
    done = run("become", [sys.executable, "-c", where, DOCUMENT], "secret", "")
    assert done.stdout.startswith("/memfd:")


def test_what_is_attended(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys, os; print(open(sys.argv[1]).read(), os.getcwd())", DOCUMENT]
    assert handover.attend(Line(argv, {}, tmp_path, "a: 1")) == 0
    assert capfd.readouterr().out == f"a: 1 {tmp_path}\n"
    assert handover.attend(Line(["cat"], {}, None, "by stdin")) == 0
    assert capfd.readouterr().out == "by stdin"
    assert handover.attend(Line(["sh", "-c", "exit 7"])) == 7
    assert handover.attend(Line(["sh", "-c", "kill -9 $$"])) == 128 + 9


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(Failed, match="nobody-has-this was not found"):
        handover.attend(Line(["nobody-has-this"]))
