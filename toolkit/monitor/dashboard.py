"""A picture as lines for a screen of any size: the most important comes first, and what has no room goes."""

from rich.text import Text

from toolkit.monitor import blocks
from toolkit.monitor.snapshot import Picture
from toolkit.monitor.text import Ink, beside, clip, halves

NARROW = 90  # below it, users and history are one above the other
ROWS = 20  # users that are listed where nothing limits the height


def draw(picture: Picture, width: int, height: int | None, ink: Ink, interval: float = 0) -> list[Text]:
    """`height` None: as long as it gets. `interval` 0: one picture, and no line about keys."""
    return [clip(line, width, ink) for line in _arranged(picture, width, height, ink, interval)]


def _arranged(picture: Picture, width: int, height: int | None, ink: Ink, interval: float) -> list[Text]:
    foot = blocks.footer(interval, width, ink) if interval else []
    if height is None:
        return _spaced([*_above(picture, width, ink, ROWS), *_below(picture, width, ink, ROWS)])
    room = max(0, height - len(foot))
    above = _above(picture, width, ink, max(2, height // 4))
    left = room - len(_spaced(above)) - 1
    lines = _spaced([*above, *_below(picture, width, ink, left)])
    if left < -1:  # not even what is above has room: without empty lines, and from the top
        lines = [line for block in above for line in block][:room]
    return [*lines, *[Text()] * (room - len(lines)), *foot][:height]


def _above(picture: Picture, width: int, ink: Ink, wrong: int) -> list[list[Text]]:
    half, rest = halves(width)
    blue, green = blocks.card("blue", picture, half, ink), blocks.card("green", picture, rest, ink)
    found = [
        blocks.header(picture, width, ink) + blocks.warnings(picture, width, ink, wrong),
        beside(blue, green, half),
        blocks.progress(picture, width, ink),
    ]
    return [block for block in found if block]


def _below(picture: Picture, width: int, ink: Ink, room: int) -> list[list[Text]]:
    """Users and history: side by side where no address is cut by that, or one above the other."""
    half, rest = halves(width)
    if width >= NARROW and picture.users and blocks.longest_user(picture) <= half:
        users, past = blocks.people(picture, half, ink, room), blocks.history(picture, rest, ink, room)
        return [beside(users, past, half)] if users else []
    least = min(4, room // 3) if picture.users else room
    past = blocks.history(picture, width, ink, least if least >= 2 else 0)
    users = blocks.people(picture, width, ink, room - len(past) - bool(past))
    return [block for block in (users, past) if block]


def _spaced(parts: list[list[Text]]) -> list[Text]:
    """An empty line between one block and the next."""
    lines: list[Text] = []
    for part in parts:
        lines += ([Text()] if lines else []) + part
    return lines
