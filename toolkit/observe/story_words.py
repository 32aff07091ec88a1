"""The words in which a story is told: on a terminal, in Markdown and on a page alike."""

from collections.abc import Iterator

from toolkit.observe.seen import OfVersion, Seen
from toolkit.observe.story import Part, Story
from toolkit.terminal import humanize

PLAIN = ("done", "")  # outcomes that need no word


def title(told: Story) -> str:
    """ "1.6.7 -> 1.6.8", or what was changed outside of a release."""
    if not told.new:
        return told.parts[0].what
    return f"{told.old} -> {told.new}" if told.old else str(told.new)


def summary(told: Story) -> str:
    """ "released in 2 h 5 min by ada" """
    took = humanize.took(told.seconds)
    by = f"by {' and '.join(told.who)}"
    if told.outcome == "under way":
        return f"under way for {took}, {by}"
    if told.outcome in ("released", "taken back"):
        return f"{told.outcome} {'after' if told.outcome == 'taken back' else 'in'} {took} {by}"
    return f"{told.outcome} {by}, {took}"


def part_outcome(part: Part) -> str:
    """What became of a change, and why."""
    if not part.who:
        return ""
    return f"{part.outcome}: {part.why}" if part.why else part.outcome


def users(seen: Seen | None) -> Iterator[str]:
    """A line for all that users saw, and what has to be said of these figures."""
    if seen is None:
        yield "what users saw is not known: the proxy was not asked, or gave no answer"
        return
    failed = f"{seen.failed} failed, {seen.failovers} failed over"
    yield f"{count(seen.requests, 'request')}, {failed}; {moved(seen)}"
    if seen.restarts:
        times = "once" if seen.restarts == 1 else f"{seen.restarts} times"
        yield f"the proxy began to count anew {times}: some requests are in none of these figures"


def moved(seen: Seen) -> str:
    """ "12 sessions moved with a page load, 3 at once" """
    if not (seen.moved or seen.moved_at_once):
        return "no session moved"
    with_page = f"{count(seen.moved, 'session')} moved with a page load"
    return f"{with_page}, {seen.moved_at_once} at once" if seen.moved_at_once else with_page


def of_version(each: OfVersion) -> str:
    """ "41000 requests, 0 failed, 2 failed over, p50 up to 10 ms, p99 up to 30 ms, at most 60 sessions" """
    said = [count(each.requests, "request"), f"{each.failed} failed"]
    said += [f"{each.failovers} failed over"] * bool(each.failovers)
    said += [f"p50 up to {humanize.short(each.p50)}"] if each.p50 is not None else []
    said += [f"p99 {latency(each)}"] * (each.p99 is not None)
    said += [f"at most {count(each.peak_sessions, 'session')}"] if each.peak_sessions is not None else []
    return ", ".join(said)


def latency(each: OfVersion) -> str:
    """The 99 % of a version: "up to 30 ms", "over 60 s"."""
    if each.p99 is None:
        return "-"
    return f"{'over' if each.slow else 'up to'} {humanize.short(each.p99)}"


def count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
