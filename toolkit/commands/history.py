"""`bgctl history`: tells each release as a story, and what else was changed."""

from typing import TYPE_CHECKING

import click

from toolkit import options
from toolkit.context import App
from toolkit.terminal.help_text import Command

if TYPE_CHECKING:
    from toolkit.observe.story import Part, Story
    from toolkit.project import Project


@click.command(
    "history",
    cls=Command,
    examples={
        "bgctl history -n 1": "the last release",
        "bgctl history 1.6.8": "the releases of a version, with each step",
        "bgctl history --changes --json": "every change, one by one",
    },
)
@click.argument("version", required=False)
@click.option("-n", "count", type=click.IntRange(1), help="How many, newest last.  [default: 5; 20 changes]")
@click.option("--changes", is_flag=True, help="A line for each change, and not by release.")
@options.json_option
@click.pass_obj
def command(app: App, version: str | None, count: int | None, changes: bool, as_json: bool) -> None:
    """Tell each release as a story: who did what, and what users saw.

    All that was done for a release stands together: how long each step took, what was waited for, requests,
    failures, sessions that moved, and the outcome. Changes outside of releases stand between them.
    """
    from toolkit.observe import book

    project = options.project(app, as_json)
    if changes:
        show_changes(project, version, count or 20)
        return
    found = book.of_version(project, version) if version else book.stories(project)
    found = [book.complete(project, each) for each in found[-(count or 5) :]]
    if as_json:
        project.ui.emit(found)
        return
    for each in found:
        show(project, each, detailed=version is not None)
    if not found:
        project.ui.say("nothing has been changed yet; next: bgctl up")


def show_changes(project: "Project", version: str | None, count: int) -> None:
    from toolkit.files import history

    entries = [each for each in history.read(project.history_path) if version in (None, each.new)][-count:]
    if project.ui.as_json:
        project.ui.emit(entries)
        return
    rows = [(e.at, e.who, e.what, e.outcome, f"{e.seconds:.1f} s", e.generation, e.why) for e in entries]
    project.ui.table(("at", "who", "what", "outcome", "took", "generation", "why"), rows)


def show(project: "Project", told: "Story", detailed: bool) -> None:
    from toolkit.observe import story_words as words

    ui = project.ui
    if not told.new:
        part = told.parts[0]
        ui.say(f"{part.at}  {part.what} by {part.who}: {words.part_outcome(part)}")
        return
    ui.say(f"{told.began}  {words.title(told)}  {words.summary(told)}", "bold")
    rows = [row for part in told.parts for row in rows_of(part, detailed)]
    ui.table(("at", "what", "who", "took", "outcome"), rows)
    for line in words.users(told.seen):
        ui.say(f"     {line}")
    for each in told.seen.versions if told.seen else ():
        ui.say(f"     {each.version}: {words.of_version(each)}")
    follow = [f"bgctl logs {version}" for version in told.logs]
    follow += [f"bgctl report {told.new}"] if told.seen else []
    if follow:
        ui.say(f"     more: {', '.join(follow)}")
    ui.say("")


def rows_of(part: "Part", detailed: bool) -> "list[tuple[str, str, str, str, str]]":
    """The row of a change, and below it those of its steps."""
    from toolkit.observe import story_words as words
    from toolkit.terminal import humanize

    took = humanize.took(part.seconds)
    rows = [(part.at, part.what, part.who, took, words.part_outcome(part))]
    if detailed:
        rows += [
            ("", f". {step.name}", "", humanize.took(step.seconds), "" if step.mark == "ok" else step.mark)
            for step in part.steps
        ]
    return rows
