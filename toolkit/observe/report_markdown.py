"""The report of a release in Markdown, with a Mermaid chart, as forges and chats show it."""

import re
from collections.abc import Iterator

from toolkit.observe import story_words as words
from toolkit.observe.seen import OfVersion
from toolkit.observe.story import Part, Story
from toolkit.terminal import humanize
from toolkit.values import is_stamp, moment

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")
_OF_GANTT = re.compile(r"[:;#,%]|[^\S ]")  # what ends a task's name, or begins a comment


def text(project: str, told: Story) -> str:
    return "\n".join(_lines(project, told)) + "\n"


def _lines(project: str, told: Story) -> Iterator[str]:
    arrow = f"{told.old} → {told.new}" if told.old else str(told.new)
    yield from (f"# {escaped(project)}: {escaped(arrow)}", "")
    yield from (f"**{escaped(words.summary(told))}**", "")
    yield from (f"{told.began} to {told.ended or 'now'}", "")
    yield from ("## What users saw", "")
    yield from _seen(told)
    yield from ("## Timeline", "", "```mermaid", "gantt", "    dateFormat X", "    axisFormat %H:%M:%S")
    yield from (f"    {_task(part)}" for part in told.parts)
    yield from ("```", "")
    yield from _row("at", "what", "who", "took", "outcome")
    yield from _row(*["---"] * 5)
    for part in told.parts:
        outcome = escaped(words.part_outcome(part))
        yield from _row(part.at, escaped(part.what), escaped(part.who), humanize.took(part.seconds), outcome)
    if told.logs:
        yield from ("", "Kept logs: " + ", ".join(f"`bgctl logs {version}`" for version in told.logs))


def _seen(told: Story) -> Iterator[str]:
    for line in words.users(told.seen):
        yield from (f"{escaped(line)[:1].upper()}{escaped(line)[1:]}.", "")
    if not told.seen:
        return
    yield from _row("version", "requests", "failed", "failed over", "p50", "p99", "sessions, at most")
    yield from _row("---", *["---:"] * 6)
    for each in told.seen.versions:
        yield from _row(*_figures(each))
    yield ""


def _figures(each: OfVersion) -> list[str]:
    p50 = "-" if each.p50 is None else f"up to {humanize.short(each.p50)}"
    peak = "unknown" if each.peak_sessions is None else str(each.peak_sessions)
    counts = [str(each.requests), str(each.failed), str(each.failovers)]
    return [escaped(each.version), *counts, p50, words.latency(each), peak]


def _row(*cells: str) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"


def _task(part: Part) -> str:
    """A task of Mermaid's gantt: its name, its mark, Unix time, and whole seconds."""
    name = _OF_GANTT.sub(" ", part.what)
    mark = "active" if not part.who else "done" if part.outcome == "done" else "crit"
    began = int(moment(part.at).timestamp()) if is_stamp(part.at) else 0
    return f"{name} :{mark}, {began}, {max(1, round(part.seconds))}s"


def escaped(said: str) -> str:
    """As plain text of one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(said.split()))
