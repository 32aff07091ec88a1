"""What the proxy keeps in shared memory, when that is plenty and when it is full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from workbench import Workbench, workbench

ROW = "seen.put({key = seen.key(%r, %r), version = %r, seen = %f, exp = 99, user = %r}, 60, 10)"


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with workbench(tmp_path_factory.mktemp("nginx"), seen="1m", outbox="16m") as bench:
        yield bench


@pytest.fixture(autouse=True)
def _empty(nginx):
    names = "{'bg_seen', 'bg_outbox', 'bg_pages', 'bg_feed'}"
    nginx.run(f"for _, name in ipairs({names}) do ngx.shared[name]:flush_all() end")


def outbox(nginx, code):
    return nginx.run(f"local outbox = require('bg.outbox') {code}")


def seen(nginx, code):
    return nginx.run(f"local seen = require('bg.seen') {code}")


def test_what_waits_leaves_in_the_order_in_which_it_came_each_once(nginx):
    added = outbox(
        nginx, "for _, key in ipairs({'a', 'b', 'a', 'c', 'b'}) do outbox.add(key) end return outbox.length()"
    )
    assert added == [3]
    assert outbox(nginx, "return outbox.take(2), outbox.take(2), outbox.length()") == [["a", "b"], ["c"], 0]


def test_51_what_could_not_be_sent_is_first_again(nginx):
    code = (
        "outbox.add('a') outbox.add('b') local taken = outbox.take(2) outbox.add('c') outbox.put_back(taken)"
    )
    assert outbox(nginx, f"{code} return outbox.take(9)") == [["a", "b", "c"]]


def test_51_a_key_that_came_anew_while_it_was_on_its_way_waits_once(nginx):
    code = "outbox.add('a') local taken = outbox.take(1) outbox.add('a') outbox.put_back(taken)"
    assert outbox(nginx, f"{code} return outbox.take(9)") == [["a"]]


def test_what_can_wait_waits_once_and_holds_nothing_up(nginx):
    code = "outbox.add_later('a') outbox.add_later('b') outbox.add_later('a') outbox.add('c')"
    assert outbox(nginx, f"{code} return outbox.length(), outbox.take(9)") == [1, ["c"]]
    assert outbox(nginx, "outbox.add('b') outbox.promote() return outbox.take(9)") == [["b", "a"]]
    assert outbox(nginx, "outbox.promote() return outbox.length()") == [0]


def test_too_many_that_could_wait_do_not_wait(nginx):
    code = "for number = 1, 50001 do outbox.add_later('s ' .. number) end return outbox.take(9)"
    assert outbox(nginx, code) == [["s 50001"]]


@pytest.mark.parametrize(
    ("version", "at", "exp", "told"),
    [
        ("1.6.7", 1010, 99, "more"),
        ("1.6.7", 1011, 99, "news"),  # it was silent for longer than the lull of 10
        ("1.6.8", 1001, 99, "news"),
        ("1.6.7", 1001, 100, "news"),
        ("1.6.7", 999, 99, "more"),  # another worker has told of a later request
    ],
)
def test_news_is_what_the_store_could_not_know(nginx, version, at, exp, told):
    put = "seen.put({key = 's a', version = '%s', seen = %d, exp = %d, user = 'u'}, 60, 10)"
    assert seen(nginx, "return " + put % ("1.6.7", 1000, 99)) == ["news", False]
    assert seen(nginx, "return " + put % (version, at, exp)) == [told, False]


def test_51_too_many_drop_the_oldest_and_are_counted(nginx):
    code = "for number = 1, 50003 do outbox.add('s ' .. number) end return outbox.length(), outbox.take(1)"
    assert outbox(nginx, code) == [50000, ["s 4"]]
    dropped = "local m = require('bg.metrics') m.fold() return m.total('bgctl_activity_dropped_total')"
    assert nginx.run(dropped) == [3]


def test_58_an_outbox_without_memory_keeps_the_newest(tmp_path: Path):
    with workbench(tmp_path, outbox="64k") as small:
        code = "for number = 1, 5000 do outbox.add('session-' .. number) end local n = outbox.length()"
        length, taken = outbox(small, f"{code} return n, outbox.take(n)")
        assert 100 < length < 5000
        assert taken == [f"session-{number}" for number in range(5001 - length, 5001)]
        dropped = "local m = require('bg.metrics') m.fold() return m.total('bgctl_activity_dropped_total')"
        assert small.run(dropped) == [5000 - length]


def test_a_session_is_remembered_as_it_was_last(nginx):
    seen(nginx, ROW % ("a", "Ada L.", "1.6.7", 10.5, "Ada L."))
    seen(nginx, ROW % ("a", "Ada L.", "1.6.8", 11.25, "Ada L."))
    seen(nginx, ROW % ("a", "Ada L.", "1.6.7", 10.75, "Ada L."))
    assert seen(nginx, "return seen.get(seen.key('a', 'Ada L.'))") == [
        {"key": "s a", "version": "1.6.8", "seen": 11.25, "exp": 99, "user": "Ada L."}
    ]


@pytest.mark.parametrize("user", ["", " ", "a\tb", "two\nlines", "naïve", "x" * 128])
def test_63_any_user_comes_back_as_it_went_in(nginx, user):
    escaped = "".join(f"\\{byte:03d}" for byte in user.encode())
    row = f'{{key = seen.key("a", "u"), version = "1", seen = 1, exp = 2, user = "{escaped}"}}'
    put = f"seen.put({row}, 60, 10)"
    assert seen(nginx, f"{put} return seen.get(seen.key('a', 'u')).user") == [user]


def test_a_visitor_and_a_session_of_one_id_are_two(nginx):
    seen(nginx, "seen.put({key = seen.key('a'), version = '1.6.7', seen = 1, exp = 9}, 60, 10)")
    assert (
        seen(nginx, "return seen.get(seen.key('a', 'u')) == nil, seen.get(seen.key('a')).user == nil")
        == [True] * 2
    )


def test_a_visitor_who_has_logged_in_is_not_noted_again_by_another_worker(nginx):
    put = "seen.put({key = seen.key('a'), version = '1.6.7', seen = 1, exp = 9}, 60, 10)"
    assert seen(nginx, f"{put} seen.drop(seen.key('a')) return {put}") == [None, False]
    assert seen(nginx, "return seen.get(seen.key('a')) == nil") == [True]


def test_a_clock_that_was_set_back_freezes_nothing(nginx):
    put = "seen.put({key = seen.key('a'), version = '%s', seen = ngx.now() + %d, exp = 9}, 60, 10)"
    seen(nginx, put % ("1.6.7", 3600))
    seen(nginx, put % ("1.6.8", 0))
    assert seen(nginx, "return seen.get(seen.key('a')).version") == ["1.6.8"]
    lost = "local feed = ngx.shared.bg_feed feed:set('lost_at', ngx.now() + 3600) return outbox.whole_for()"
    assert outbox(nginx, lost) == [0]
    assert outbox(nginx, "return ngx.shared.bg_feed:get('lost_at') <= ngx.now()") == [True]


def test_58_who_is_forgotten_for_lack_of_memory_moves_what_is_known_since(tmp_path: Path):
    with workbench(tmp_path, seen="64k") as small:
        fill = """
            seen.begin(5)
            local forgotten = 0
            for number = 1, 5000 do
                local row = {key = seen.key(number, 'u'), version = '1.6.7', seen = 6, exp = 9, user = 'u'}
                forgotten = forgotten + (select(2, seen.put(row, 60, 10)) and 1 or 0)
            end
            return forgotten > 0, seen.since() > 5, seen.get(seen.key(5000, 'u')) ~= nil
        """
        assert seen(small, fill) == [True, True, True]


def test_a_reload_begins_nothing_anew(nginx):
    assert seen(nginx, "seen.begin(5) seen.begin(6) return seen.since()") == [5]


def test_idle_is_what_has_been_silent_for_as_long_as_anything_is_known(nginx):
    seen(nginx, "seen.begin(100)")
    seen(nginx, ROW % ("a", "u", "1.6.7", 150, "u"))
    check = "local function idle(sid, now) return seen.is_idle(seen.key(sid, 'u'), 60, now) end "
    asked = "return idle('a', 209), idle('a', 210), idle('other', 159), idle('other', 160)"
    assert seen(nginx, check + asked) == [False, True, False, True]


def test_the_key_of_an_old_page_fits_into_a_report(nginx):
    """A third party's id may have all of the 128 bytes that an id may have."""
    page_key = (
        "local activity = require('bg.activity') return activity.page_key('s ' .. ('x'):rep(%d), '1.6.7')"
    )
    assert nginx.run(page_key % 9) == ["s xxxxxxxxx~1.6.7"]
    assert [len(nginx.run(page_key % length)[0]) <= 130 for length in (122, 123, 128)] == [True] * 3


def pages(nginx, code):
    return nginx.run(f"local pages = require('bg.pages') {code}")


def test_a_page_keeps_the_version_that_it_came_from_last(nginx):
    pages(nginx, "pages.note('a', '/', '1.6.7') pages.note('b', '/', '1.6.8')")
    asked = "return pages.version('a', '/'), pages.version('b', '/'), pages.version('a', '/log') == nil"
    assert pages(nginx, asked) == ["1.6.7", "1.6.8", True]
    assert pages(nginx, "pages.note('a', '/', '1.6.8') return pages.version('a', '/')") == ["1.6.8"]


def test_a_list_of_pages_is_known_until_there_is_a_gap(nginx):
    (name,) = pages(nginx, "pages.begin(true) return pages.name('sid')")
    assert pages(nginx, "return pages.name('sid'), pages.name('other')")[0] == name
    assert pages(nginx, f"pages.begin(true) return pages.knows('{name}')") == [True], "a reload leaves no gap"
    assert pages(nginx, "return pages.knows(nil), pages.knows('')") == [False, False]
    assert pages(nginx, f"pages.begin(false) return pages.knows('{name}')") == [False]
    assert pages(nginx, f"pages.begin(true) return pages.knows('{name}')") == [False], (
        "nothing was noted meanwhile"
    )
    assert pages(nginx, "pages.begin(false) return pages.name('sid') == nil, pages.knows(nil)") == [
        True,
        False,
    ]
