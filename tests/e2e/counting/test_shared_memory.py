"""What the proxy keeps in shared memory, when that is plenty and when it is full."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from session_api.http.middleware import LARGER
from tests.e2e.support.workbench import Workbench, workbench

ROW = "seen.put({key = names.key(%r, %r), version = %r, seen = %f, exp = 99, iat = 0, user = %r}, 60, 10)"


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with workbench(tmp_path_factory.mktemp("nginx"), seen="1m", outbox="16m", visitors="8m") as bench:
        yield bench


@pytest.fixture(autouse=True)
def _empty(nginx):
    memory = "'bg_seen', 'bg_cookies', 'bg_visitors', 'bg_outbox', 'bg_outbox_cookies', 'bg_outbox_visitors'"
    nginx.run(
        f"for _, name in ipairs({{{memory}, 'bg_pages', 'bg_feed'}}) do ngx.shared[name]:flush_all() end"
    )


def outbox(nginx, code):
    return nginx.run(f"local outbox = require('bg.activity.outbox') {code}")


def seen(nginx, code):
    return nginx.run(f"local seen, names = require('bg.activity.memory'), require('bg.lib.names') {code}")


def test_what_waits_leaves_in_the_order_in_which_it_came_each_once(nginx):
    added = outbox(
        nginx, "for key in ('ABACB'):gmatch('.') do outbox.add('s ' .. key) end return outbox.length()"
    )
    assert added == [3]
    taken = outbox(nginx, "return outbox.take(2), outbox.take(2), outbox.length()")
    assert taken == [["s A", "s B"], ["s C"], 0]


@pytest.mark.threat(51)
def test_51_what_could_not_be_sent_is_first_again(nginx):
    code = "outbox.add('s a') outbox.add('s b') local taken = outbox.take(2) outbox.add('s c') "
    code += "outbox.put_back(taken) return outbox.take(9)"
    assert outbox(nginx, code) == [["s a", "s b", "s c"]]


@pytest.mark.threat(51)
def test_51_a_key_that_came_anew_while_it_was_on_its_way_waits_once(nginx):
    code = "outbox.add('s a') local taken = outbox.take(1) outbox.add('s a') outbox.put_back(taken)"
    assert outbox(nginx, f"{code} return outbox.take(9)") == [["s a"]]


def test_what_can_wait_waits_once_and_holds_nothing_up(nginx):
    code = "outbox.add_later('s a') outbox.add_later('s b') outbox.add_later('s a') outbox.add('s c')"
    assert outbox(nginx, f"{code} return outbox.length(), outbox.take(9)") == [1, ["s c"]]
    assert outbox(nginx, "outbox.add('s b') outbox.promote() return outbox.take(9)") == [["s b", "s a"]]
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
    put = "seen.put({key = 's a', version = '%s', seen = %d, exp = %d, iat = 0, user = 'u'}, 60, 10)"
    assert seen(nginx, "return " + put % ("1.6.7", 1000, 99)) == ["news", False]
    assert seen(nginx, "return " + put % (version, at, exp)) == [told, False]


@pytest.mark.threat(51)
def test_51_too_many_drop_the_oldest_and_are_counted(nginx):
    dropped = "local m = require('bg.lib.counters') m.fold() return m.total('bgctl_activity_dropped_total')"
    (before,) = nginx.run(dropped)
    code = "for number = 1, 50003 do outbox.add('s ' .. number) end return outbox.length(), outbox.take(1)"
    assert outbox(nginx, code) == [50000, ["s 4"]]
    assert nginx.run(dropped) == [before + 3]


@pytest.mark.threat(58)
def test_58_an_outbox_without_memory_keeps_the_newest(tmp_path: Path):
    with workbench(tmp_path, outbox="64k") as small:
        code = "for number = 1, 5000 do outbox.add('session-' .. number) end local n = outbox.length()"
        length, taken = outbox(small, f"{code} return n, outbox.take(n)")
        assert 100 < length < 5000
        assert taken == [f"session-{number}" for number in range(5001 - length, 5001)]
        dropped = (
            "local m = require('bg.lib.counters') m.fold() return m.total('bgctl_activity_dropped_total')"
        )
        assert small.run(dropped) == [5000 - length]


@pytest.mark.threat(51)
@pytest.mark.parametrize("die", ["'queue'", "'later'"])
def test_51_what_a_worker_left_behind_when_it_died_holds_nothing_up(nginx, die):
    """It had taken a key, and was killed before it took away the mark that says that the key waits."""
    add = "outbox.add('s a')" if die == "'queue'" else "outbox.add_later('s a')"
    again = f"{add} outbox.promote() return outbox.take(9)"
    assert outbox(
        nginx, f"{add} ngx.shared.bg_outbox:lpop({die}) outbox.promote() outbox.take(9) {again}"
    ) == [["s a"]]


@pytest.mark.parametrize(
    ("key", "dictionary"),
    [
        ("s a", "bg_outbox"),
        ("c a", "bg_outbox_cookies"),
        ("gone c a", "bg_outbox_cookies"),
        ("v a", "bg_outbox_visitors"),
        ("gone v a", "bg_outbox_visitors"),
    ],
)
@pytest.mark.parametrize("add", ["add", "add_later"])
def test_nothing_is_marked_for_ever(nginx, key, dictionary, add):
    code = f"""
        outbox.{add}('{key}')
        local lives = {{}}
        for _, name in ipairs(ngx.shared.{dictionary}:get_keys(0)) do
            if name:find('{key}', 1, true) then
                lives[#lives + 1] = ngx.shared.{dictionary}:ttl(name) > 0
            end
        end
        outbox.promote() outbox.take(9)
        for _, name in ipairs(ngx.shared.{dictionary}:get_keys(0)) do
            lives[#lives + 1] = name:find('{key}', 1, true) == nil
        end
        return lives
    """
    (lives,) = outbox(nginx, code)
    assert lives and all(lives)


def test_sessions_are_told_before_visitors(nginx):
    code = (
        "for _, key in ipairs({'v a', 'c a', 's a', 'gone v b', 's b'}) do outbox.add(key) end "
        "return outbox.take(3)"
    )
    assert outbox(nginx, f"{code}, outbox.take(3)") == [["s a", "s b", "c a"], ["v a", "gone v b"]]


def test_a_flood_of_visitors_pushes_out_no_session(nginx):
    flood = """
        seen.begin(5)
        for number = 1, 20 do
            local key = names.key('s' .. number, 'u')
            seen.put({key = key, version = '1.6.7', seen = 6, exp = 9, iat = 0, user = 'u'}, 600, 10)
            outbox.add(key)
        end
        for number = 1, 25000 do outbox.add('v ' .. number) outbox.add_later('v later' .. number) end
        local whole = outbox.whole_for(outbox.SESSION) > 1000
        return outbox.length(outbox.SESSION), outbox.length(outbox.VISITOR), whole,
            outbox.whole_for(outbox.VISITOR), #outbox.take(20), outbox.length(outbox.SESSION)
    """
    assert seen(nginx, f"local outbox = require('bg.activity.outbox') {flood}") == [20, 20000, True, 0, 20, 0]


@pytest.mark.threat(58)
def test_58_visitors_have_memory_of_their_own(tmp_path: Path):
    key = tmp_path / "proxy.key"
    key.write_text("k" * 32)
    key.chmod(0o644)
    with workbench(tmp_path, seen="64k", outbox="64k", visitors="64k") as small:
        flood = """
            local activity, outbox = require('bg.activity.recorder'), require('bg.activity.outbox')
            ngx.shared.bg_feed:flush_all()
            local given = {held_every = 10, active_window = 600, proxy_key_file = '/etc/bgctl/proxy.key',
                proxy_name = 'p:1', control = '127.0.0.1:1', api = '127.0.0.1:1'}
            activity.init(given) require('bg.activity.reporter').init(given, function() return {} end)
            activity.note(names.key('s', 'u'), 'u', ngx.now() + 60, '1.6.7')
            activity.tick()
            for number = 1, 5000 do activity.note(names.key('v' .. number), nil, ngx.now() + 60, '1.6.7') end
            activity.tick()
            return seen.get('s s') ~= nil, seen.since() <= ngx.now(), outbox.length(outbox.SESSION),
                outbox.whole_for(outbox.SESSION) > 600, outbox.whole_for(outbox.VISITOR) < 60
        """
        assert seen(small, flood) == [True, True, 1, True, True]


def test_a_session_is_remembered_as_it_was_last(nginx):
    seen(nginx, ROW % ("a", "Ada L.", "1.6.7", 10.5, "Ada L."))
    seen(nginx, ROW % ("a", "Ada L.", "1.6.8", 11.25, "Ada L."))
    seen(nginx, ROW % ("a", "Ada L.", "1.6.7", 10.75, "Ada L."))
    assert seen(nginx, "return seen.get(names.key('a', 'Ada L.'))") == [
        {"key": "s a", "version": "1.6.8", "seen": 11.25, "exp": 99, "iat": 0, "user": "Ada L."}
    ]


@pytest.mark.threat(63)
@pytest.mark.parametrize("user", ["", " ", "a\tb", "two\nlines", "naïve", "x" * 128])
def test_63_any_user_comes_back_as_it_went_in(nginx, user):
    escaped = "".join(f"\\{byte:03d}" for byte in user.encode())
    row = f'{{key = names.key("a", "u"), version = "1", seen = 1, exp = 2, iat = 0, user = "{escaped}"}}'
    put = f"seen.put({row}, 60, 10)"
    assert seen(nginx, f"{put} return seen.get(names.key('a', 'u')).user") == [user]


def test_a_visitor_and_a_session_of_one_id_are_two(nginx):
    seen(nginx, "seen.put({key = names.key('a'), version = '1.6.7', seen = 1, exp = 9, iat = 0}, 60, 10)")
    assert (
        seen(nginx, "return seen.get(names.key('a', 'u')) == nil, seen.get(names.key('a')).user == nil")
        == [True] * 2
    )


def test_a_visitor_who_has_logged_in_is_not_noted_again_by_another_worker(nginx):
    put = "seen.put({key = names.key('a'), version = '1.6.7', seen = 1, exp = 9, iat = 0}, 60, 10)"
    assert seen(nginx, f"{put} seen.drop(names.key('a'), ngx.now()) return {put}") == [None, False]
    assert seen(nginx, "return seen.get(names.key('a')) == nil") == [True]


def test_a_clock_that_was_set_back_freezes_nothing(nginx):
    put = "seen.put({key = names.key('a'), version = '%s', seen = ngx.now() + %d, exp = 9, iat = 0}, 60, 10)"
    seen(nginx, put % ("1.6.7", 3600))
    seen(nginx, put % ("1.6.8", 0))
    assert seen(nginx, "return seen.get(names.key('a')).version") == ["1.6.8"]
    lost = "local feed = ngx.shared.bg_feed feed:set('lost_at session', ngx.now() + 3600)"
    assert outbox(nginx, f"{lost} return outbox.whole_for('session')") == [0]
    assert outbox(nginx, "return ngx.shared.bg_feed:get('lost_at session') <= ngx.now()") == [True]


@pytest.mark.threat(58)
def test_58_who_is_forgotten_for_lack_of_memory_moves_what_is_known_since(tmp_path: Path):
    with workbench(tmp_path, seen="64k") as small:
        fill = """
            seen.begin(5)
            local forgotten = 0
            for number = 1, 5000 do
                local key = names.key(number, 'u')
                local row = {key = key, version = '1.6.7', seen = 6, exp = 9, iat = 0, user = 'u'}
                forgotten = forgotten + (select(2, seen.put(row, 60, 10)) and 1 or 0)
            end
            return forgotten > 0, seen.since() > 5, seen.get(names.key(5000, 'u')) ~= nil
        """
        assert seen(small, fill) == [True, True, True]


def test_a_reload_begins_nothing_anew(nginx):
    assert seen(nginx, "seen.begin(5) seen.begin(6) return seen.since()") == [5]


def test_idle_is_what_has_been_silent_for_as_long_as_anything_is_known(nginx):
    seen(nginx, "seen.begin(100)")
    seen(nginx, ROW % ("a", "u", "1.6.7", 150, "u"))
    check = "local function idle(sid, now) return seen.is_idle(names.key(sid, 'u'), 60, now) end "
    asked = "return idle('a', 209), idle('a', 210), idle('other', 159), idle('other', 160)"
    assert seen(nginx, check + asked) == [False, True, False, True]


def test_the_key_of_an_old_page_fits_into_a_report(nginx):
    """A third party's id may have all of the 128 bytes that an id may have."""
    page_key = "return require('bg.activity.recorder').page_key('s ' .. ('x'):rep(%d), '1.6.7')"
    assert nginx.run(page_key % 9) == ["s xxxxxxxxx~1.6.7"]
    assert [len(nginx.run(page_key % length)[0]) <= 130 for length in (122, 123, 128)] == [True] * 3


class Listener:
    """Takes reports as the session API does: none that is larger than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        listener = self
        self.reports: list[dict[str, Any]] = []
        self.sizes: list[int] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                body = self.rfile.read(size)
                listener.sizes.append(size)
                if size <= limit:
                    listener.reports.append(json.loads(body))
                self.send_response(200 if size <= limit else 413)
                self.end_headers()
                self.wfile.write(b'{"epoch":"e"}' if size <= limit else b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def told(self) -> list[str]:
        return [row[0] for report in self.reports for row in report["sessions"]]


@contextmanager
def listening(nginx: Workbench, folder: Path, limit: int = 1 << 20) -> Iterator[Listener]:
    """The reports of this nginx, in the order in which they come."""
    (folder / "proxy.key").write_text("k" * 40)
    (folder / "proxy.key").chmod(0o644)
    listener = Listener(limit)
    address = f"127.0.0.1:{listener.server.server_address[1]}"
    begin = f"""
        local given = {{proxy_name = 'w', control = '{address}', api = '{address}', active_window = 600,
            held_every = 10, proxy_key_file = '/etc/bgctl/proxy.key'}}
        ngx.shared.bg_feed:set('epoch', 'e')
        require('bg.activity.reporter').init(given, function() return {{}} end)
        require('bg.activity.recorder').init(given)
    """
    try:
        nginx.run(begin)
        yield listener
    finally:
        listener.server.shutdown()
        listener.server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def reporting(folder: Path) -> Iterator[Workbench]:
    with workbench(folder, seen="8m", outbox="8m", visitors="8m") as bench:
        yield bench


NOTE = """
    local activity, names = require('bg.activity.recorder'), require('bg.lib.names')
    for number = 1, %d do
        local user = %s
        activity.note(names.key(%s .. number, user), user, ngx.now() + 600, '1.6.7')
    end
    activity.tick()
    return require('bg.activity.reporter').status()
"""


def test_a_report_is_never_larger_than_the_session_api_takes(reporting, folder):
    """Names of a thousand sessions with all the bytes that they may have, each of them escaped."""
    most = LARGER["/_bgctl/activity"]
    with listening(reporting, folder, most) as listener:
        (status,) = reporting.run(NOTE % (1000, "('\\1'):rep(128)", "('\\\\'):rep(120)"))
        assert (status["queued"], status["delivered"], status["dropped"]) == (0, 0, 0)
        assert len(set(listener.told)) == len(listener.told) == 1000
        assert len(listener.sizes) > 1 and max(listener.sizes) <= most
        assert [report["complete"] for report in listener.reports] == [False] * (len(listener.sizes) - 1) + [
            True
        ]


def test_a_report_that_is_refused_as_too_large_is_split(reporting, folder):
    with listening(reporting, folder, limit=3000) as listener:
        (status,) = reporting.run(NOTE % (200, "'u'", "'split'"))
        assert (status["queued"], status["dropped"]) == (0, 0)
        assert sorted(listener.told) == sorted(f"split{number}" for number in range(1, 201))
        assert len(listener.sizes) < 100


@pytest.mark.threat(76)
def test_76_of_two_clients_with_one_pin_the_one_that_logs_in_goes_alone(reporting, folder):
    note = "activity.note(names.key('p'), nil, ngx.now() + 600, '1.6.7')"
    modules = """
        local activity, seen = require('bg.activity.recorder'), require('bg.activity.memory')
        local names = require('bg.lib.names') ngx.sleep(0.005)
    """
    with listening(reporting, folder) as listener:
        reporting.run(f"{modules} package.loaded.held = {note} activity.tick() return 1")
        assert listener.told == ["p"]
        # It logs in, while a request of before is still open here, and was noted by another worker.
        ended = "activity.ended(require('held')) activity.tick() return 1"
        reporting.run(f"{modules} activity.gone(names.key('p')) {ended}")
        reporting.run(f"{modules} {ended}")
        assert listener.told == ["p"]
        assert [sid for report in listener.reports for sid, _ in report["gone"]] == ["p"]
        reporting.run(f"{modules} {note} activity.tick() return 1")
        assert listener.told == ["p", "p"]
        # Both at once: it is not told that nobody is under that name any more.
        reporting.run(
            f"{modules} activity.gone(names.key('p')) ngx.sleep(0.005) {note} activity.tick() return 1"
        )
        assert listener.told == ["p", "p", "p"]
        assert [sid for report in listener.reports for sid, _ in report["gone"]] == ["p"]


def pages(nginx, code):
    return nginx.run(f"local pages = require('bg.routing.page_versions') {code}")


def test_a_page_keeps_the_version_that_it_came_from_last(nginx):
    pages(nginx, "pages.begin(true, 60) pages.note('a', '/', '1.6.7') pages.note('b', '/', '1.6.8')")
    asked = "return pages.version('a', '/'), pages.version('b', '/'), pages.version('a', '/log') == nil"
    assert pages(nginx, asked) == ["1.6.7", "1.6.8", True]
    assert pages(nginx, "pages.note('a', '/', '1.6.8') return pages.version('a', '/')") == ["1.6.8"]


def test_a_list_of_pages_is_known_until_there_is_a_gap(nginx):
    (name,) = pages(nginx, "pages.begin(true, 60) return pages.name('sid')")
    assert pages(nginx, "return pages.name('sid'), pages.name('other')")[0] == name
    assert pages(nginx, f"pages.begin(true, 60) return pages.knows('{name}')") == [True], (
        "a reload leaves no gap"
    )
    assert pages(nginx, "return pages.knows(nil), pages.knows('')") == [False, False]
    assert pages(nginx, f"pages.begin(false) return pages.knows('{name}')") == [False]
    assert pages(nginx, f"pages.begin(true, 60) return pages.knows('{name}')") == [False], (
        "nothing was noted meanwhile"
    )
    assert pages(nginx, "pages.begin(false) return pages.name('sid') == nil, pages.knows(nil)") == [
        True,
        False,
    ]
