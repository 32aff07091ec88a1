"""The report of a release as one HTML page: no script, nothing from elsewhere, the same each time."""

from pathlib import Path

from toolkit import __version__
from toolkit.observe import report_chart, story_words
from toolkit.observe.report_chart import HIGH, WIDE
from toolkit.observe.story import Story
from toolkit.terminal import humanize

TEMPLATE = "report.html.j2"


def page(project: str, told: Story) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "took": humanize.took,
        "short": humanize.short,
        "day": day,
        "clock": clock,
        "number": number,
    }
    return environment.get_template(TEMPLATE).render(
        project=project,
        told=told,
        words=story_words,
        timeline=report_chart.timeline(told),
        tiles=tiles(told),
        mark=mark(told),
        wide=WIDE,
        high=HIGH,
        bgctl=__version__,
    )


def tiles(told: Story) -> list[tuple[str, str, str]]:
    """The large figures: value, what it is, and a word on it."""
    found = [(humanize.took(told.seconds), "from the first step to the last", "")]
    seen = told.seen
    if seen is None:
        return found
    share = humanize.percent(seen.failed / seen.requests, 2) if seen.requests else "-"
    return [
        (number(seen.requests), "requests", ""),
        (number(seen.failed), "failed", share),
        (number(seen.failovers), "failed over", "answered by the other slot"),
        (number(seen.moved), "sessions moved with a page", ""),
        (number(seen.moved_at_once), "moved at once", "they had no choice"),
        *found,
    ]


def mark(told: Story) -> str:
    """How the outcome looks: good, going or bad."""
    return {"released": "good", "under way": "going"}.get(told.outcome, "bad")


def number(count: int) -> str:
    """ "68 156", with a narrow space that does not break (U+202F)."""
    return f"{count:,}".replace(",", "\u202f")


def day(at: str) -> str:
    """ "2026-01-15 10:30" of a stamp."""
    return f"{at[:10]} {at[11:16]}"


def clock(at: str) -> str:
    """ "10:30:00" of a stamp."""
    return at[11:19]
