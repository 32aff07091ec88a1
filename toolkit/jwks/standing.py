"""How it stands with the keys of identity providers: what `doctor` and `status` say of them."""

from collections.abc import Iterator

from msgspec import Struct

from toolkit.errors import BgctlError, NotYet
from toolkit.jwks import record
from toolkit.project import Project
from toolkit.terminal import humanize

REFRESH = "bgctl keys refresh"
LATE = 3  # intervals without a look, after which nobody seems to take them


class Standing(Struct, frozen=True, rename="camel"):
    """A provider. `age` is the time in seconds since its last good answer, None: there was none.

    `error` says what is wrong: with the last answer, or that nobody asks. None: nothing.
    """

    age: float | None
    error: str | None
    next: str = ""
    notes: tuple[str, ...] = ()


def look(project: Project) -> dict[str, Standing]:
    """By the name of the table."""
    looks, now = record.read(project.state_dir), project.now().timestamp()
    found = {}
    for name, table in project.config.jwks.items():
        last = looks.get(name)
        if last is None or last.place != table.place:
            found[name] = Standing(None, "its keys have not been fetched yet", REFRESH)
            continue
        age = None if last.good_at is None else max(0.0, now - last.good_at)
        error, mend = last.error, last.next or REFRESH
        if error is None and age is not None and age > LATE * table.interval:
            error = f"nobody has looked for {humanize.span(age)}"
            mend = "bgctl cron   (it prints what does that each minute)"
        found[name] = Standing(age, error, mend if error else "", last.notes)
    return found


def problems(project: Project) -> Iterator[BgctlError]:
    """What `doctor` says of it."""
    for name, standing in look(project).items():
        if standing.error:
            yield NotYet(f"the keys of {name}: {standing.error}", held(standing), standing.next)
        for note in standing.notes:
            yield NotYet(f"the keys of {name}: {note}", "", "mend it at the provider, or leave it so")


def held(standing: Standing) -> str:
    """What is in force meanwhile."""
    if standing.age is None:
        return "none of its tokens is accepted"
    return f"those of {humanize.span(standing.age)} ago stay in force"
