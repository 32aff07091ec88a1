"""The report of a release: the same each time, nothing from elsewhere, and no word of a user is markup."""

import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from tests.unit.toolkit.support.samples import RELEASED, SAMPLES, at, counted, line, sampled
from toolkit.observe import report_chart, report_markdown, report_page, seen, story
from toolkit.observe.story import Story

EVIL = "<script>alert('|`x`|')</script>\n# a"


@pytest.fixture
def told() -> Story:
    (found,) = story.stories(RELEASED)
    return replace(found, seen=seen.of(SAMPLES, "1.6.7", "1.6.8"), logs=("1.6.7",))


class Tags(HTMLParser):
    """All tags, and the attributes that could lead elsewhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href", "srcset", "action")]


def test_a_page_stands_alone(told: Story) -> None:
    page = report_page.page("shop", told)
    found = Tags(page)
    assert found.links == []
    assert "script" not in found.tags
    assert not re.search(r"url\(|@import|https?:", page)
    assert page == report_page.page("shop", told), "the same each time"


def test_a_page_says_what_happened(told: Story) -> None:
    page = report_page.page("shop", told)
    for said in (
        "7\u202f505",
        "released",
        "up-green 1.6.8",
        "ada and bea",
        "within 10 ms",
        "bgctl logs 1.6.7",
    ):
        assert said in page, said
    assert page.count("<svg") == 2
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_no_word_of_a_user_is_markup() -> None:
    (found,) = story.stories([line(2, "up-green 1.6.8", "failed", why=EVIL, who=EVIL)])
    page = report_page.page(EVIL, found)
    assert "<script" not in page
    text = report_markdown.text(EVIL, found)
    assert not re.search(r"(?<!\\)[<`]", text.replace("```", ""))
    assert [each for each in text.splitlines() if each.startswith("# ")] == text.splitlines()[:1]
    (row,) = [each for each in text.splitlines() if "failed" in each and each.startswith("| 2026")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 6, "no cell more"


def test_a_release_of_which_nothing_was_seen_has_a_report() -> None:
    (found,) = story.stories(RELEASED)
    assert "is not known" in report_page.page("shop", found)
    assert "is not known" in report_markdown.text("shop", found)


def test_markdown_has_figures_and_a_chart(told: Story) -> None:
    text = report_markdown.text("shop", told)
    assert "| 1.6.7 | 2105 | 2 | 1 | up to 10 ms | up to 10 ms | 62 |" in text
    assert "    drain :active, 1768473005, 3598s\n" in text
    assert "Kept logs: `bgctl logs 1.6.7`" in text
    assert text == report_markdown.text("shop", told)


def test_a_name_cannot_end_a_task_of_mermaids() -> None:
    (found,) = story.stories([line(2, "route x:y;z\n%%", "failed")])
    assert "    route x y z    :crit, 1768473000, 2s\n" in report_markdown.text("shop", found)


def test_bars_are_where_and_as_long_as_their_parts(told: Story) -> None:
    bars = {bar.part.what: bar for bar in report_chart.timeline(told).bars}
    assert (bars["up-green 1.6.8"].left, bars["up-green 1.6.8"].width) == (0, report_chart.LEAST)
    assert bars["drain"].width == pytest.approx(99.8, abs=0.1)
    assert bars["promote"].left + bars["promote"].width == pytest.approx(100, abs=0.05)
    assert (bars["drain"].kind, bars["promote"].kind) == ("wait", "step")


def test_curves_end_where_the_counts_are(told: Story) -> None:
    sessions, rates = report_chart.timeline(told).charts
    assert (sessions.title, sessions.top, rates.title) == ("Sessions", 90, "Requests per second")
    old, new = sessions.curves
    assert (old.kind, new.kind) == ("old", "new")
    assert old.line.startswith("M0.0 33.3")
    assert old.line.endswith("L1000.0 100.0")
    assert new.line.endswith("L1000.0 0.0")


@pytest.mark.parametrize("count", [0, 1])
def test_without_two_looks_there_is_no_curve(told: Story, count: int) -> None:
    bare = replace(told, seen=seen.of(SAMPLES[:count], "1.6.7", "1.6.8"))
    assert report_chart.timeline(bare).charts == ()
    assert "<svg" not in report_page.page("shop", bare)


def test_where_nobody_came_there_is_no_curve(told: Story) -> None:
    quiet = [sampled(n, counted("blue", "1.6.7", 5), sessions={"1.6.7": 0, "1.6.8": 0}) for n in (0, 9)]
    assert report_chart.timeline(replace(told, seen=seen.of(quiet, "1.6.7", "1.6.8"))).charts == ()


@pytest.mark.parametrize(("seconds", "label"), [(20, "10:30:05"), (3600, "10:45"), (300_000, "16 Jan 00:00")])
def test_ticks_are_at_even_times(seconds: int, label: str) -> None:
    (found,) = story.stories([line(2, "up-green 1.6.8"), line(seconds, "promote")])
    ticks = report_chart.timeline(found).ticks
    assert ticks[0].label == label
    assert 1 <= len(ticks) <= report_chart.TICKS
    assert all(0 < tick.left < 100 for tick in ticks)


@pytest.mark.parametrize("stamp", ["9999-12-31T23:59:58Z", "2026-01-15T10:30:00Z"])
@pytest.mark.parametrize("seconds", [1e9, 1e12, 1e300])
def test_times_beyond_all_calendars_break_no_page(stamp: str, seconds: float) -> None:
    (found,) = story.stories([replace(line(2, "up-green 1.6.8"), at=stamp, seconds=seconds)])
    assert "up-green 1.6.8" in report_page.page("shop", found)


def test_stamps_that_are_none_break_no_page() -> None:
    (found,) = story.stories([replace(line(2, "up-green 1.6.8"), at="soon")])
    assert "up-green 1.6.8" in report_page.page("shop", found)
    assert "soon" in report_markdown.text("shop", found)
    assert at(0) == "2026-01-15T10:30:00Z"
