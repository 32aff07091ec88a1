"""What is read of a dump of callgrind's."""

from tests.bench import callgrind

DUMP = """\
# callgrind format
version: 1
positions: line
events: Ir
summary: 30

ob=(1) /usr/sbin/nginx
fl=(1) ???
fn=(1) main
0 5
cob=(2) /usr/lib/libluajit.so
cfi=(1)
cfn=(2) lua_pcall
calls=2 0
0 18

ob=(2)
fn=(2)
3 4
+2 3
cob=(3) ???
cfn=(3) 0x0000000000001000
calls=1 0
0 11

ob=(3)
fn=(3)
0 11

ob=(1)
fn=(1)
* 7

totals: 30
"""


def test_each_library_has_what_it_did_itself() -> None:
    profile = callgrind.read(DUMP)
    assert profile.own == {"nginx": 12, "libluajit.so": 7, callgrind.COMPILED: 11}
    assert profile.own.total() == 30


def test_a_function_that_is_called_has_what_it_called_too() -> None:
    assert callgrind.read(DUMP).whole == {"lua_pcall": 18, "0x0000000000001000": 11}
