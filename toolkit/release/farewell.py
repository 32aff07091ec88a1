"""What is said when a stack is up: where the app is now, and what comes next."""

from toolkit.config import public_url
from toolkit.project import Project
from toolkit.release.in_service import open_slots


def words(project: Project) -> str:
    now = project.state()
    serving = ", ".join(dict.fromkeys(open_slots(now).values()))
    there = f"{project.config.project.name} {serving} is at {public_url.base(project.config)}"
    if now.phase != "rest":
        return f"{there}; a release is under way: bgctl status"
    return f"{there}; the next release: bgctl deploy {following(serving) or 'VERSION'}"


def following(version: str) -> str:
    """The number after this one; "" where a version is something else, such as a commit."""
    *before, last = version.split(".")
    numbers = [*before, last]
    is_number = all(each.isdecimal() for each in numbers) and len(last) < 7  # A commit may be all digits.
    return ".".join([*before, str(int(last) + 1)]) if is_number else ""
