"""Arranges a snapshot on a screen of any size: the most important first; what has no room is left out."""

from rich.text import Text

from toolkit.monitor import blocks
from toolkit.monitor.glyphs import Glyphs
from toolkit.monitor.layout import beside, clip, halves
from toolkit.monitor.snapshot import Snapshot

NARROW = 90  # columns; on fewer, users and history are one above the other
ROWS = 20  # users, and lines of warnings, where nothing limits the height


def draw(
    snapshot: Snapshot, width: int, height: int | None, glyphs: Glyphs, interval: float = 0
) -> list[Text]:
    """The lines of the screen, `height` of them; None: as many as the snapshot needs.

    `interval` is the number of seconds between two looks, which the last line tells, with the keys. With 0
    there is no such line: the screen is printed once.
    """
    return [clip(line, width, glyphs) for line in _arranged(snapshot, width, height, glyphs, interval)]


def _arranged(
    snapshot: Snapshot, width: int, height: int | None, glyphs: Glyphs, interval: float
) -> list[Text]:
    foot = blocks.footer(interval, width, glyphs) if interval else []
    if height is None:
        return _spaced([*_upper(snapshot, width, glyphs, ROWS), *_lower(snapshot, width, glyphs, ROWS)])
    room = max(0, height - len(foot))
    upper = _upper(snapshot, width, glyphs, max(2, height // 4))
    left = room - len(_spaced(upper)) - 1
    lines = _spaced([*upper, *_lower(snapshot, width, glyphs, left)])
    if left < -1:  # Not even the upper blocks fit: they are cut at the end, and have no lines between them.
        lines = [line for block in upper for line in block][:room]
    return [*lines, *[Text()] * (room - len(lines)), *foot][:height]


def _upper(snapshot: Snapshot, width: int, glyphs: Glyphs, room: int) -> list[list[Text]]:
    """Phase and warnings (in `room` lines), the two slots, and how far the release is."""
    half, rest = halves(width)
    blue = blocks.slot_card("blue", snapshot, half, glyphs)
    green = blocks.slot_card("green", snapshot, rest, glyphs)
    found = [
        blocks.header(snapshot, width, glyphs) + blocks.warnings(snapshot, width, glyphs, room),
        beside(blue, green, half),
        blocks.progress(snapshot, width, glyphs),
    ]
    return [block for block in found if block]


def _lower(snapshot: Snapshot, width: int, glyphs: Glyphs, room: int) -> list[list[Text]]:
    """Users and history: side by side where that cuts no address, else one above the other."""
    half, rest = halves(width)
    if width >= NARROW and snapshot.users and blocks.longest_user(snapshot) <= half:
        users = blocks.users(snapshot, half, glyphs, room)
        return [beside(users, blocks.history(snapshot, rest, glyphs, room), half)] if users else []
    least = min(4, room // 3) if snapshot.users else room
    past = blocks.history(snapshot, width, glyphs, least if least >= 2 else 0)
    users = blocks.users(snapshot, width, glyphs, room - len(past) - bool(past))
    return [block for block in (users, past) if block]


def _spaced(parts: list[list[Text]]) -> list[Text]:
    """The lines of all blocks, with an empty line between one block and the next."""
    lines: list[Text] = []
    for part in parts:
        lines += ([Text()] if lines else []) + part
    return lines
