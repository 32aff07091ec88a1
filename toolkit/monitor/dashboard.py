"""A picture as lines for a screen of any size: the most important comes first, and what has no room goes."""

from rich.text import Text

from toolkit.monitor import blocks
from toolkit.monitor.ink import GAP, Ink, beside
from toolkit.monitor.picture import Picture

NARROW = 90  # below it, users and history are one above the other
ROWS = 20  # users that are listed where nothing limits the height


def draw(picture: Picture, width: int, height: int | None, ink: Ink, interval: float = 0) -> list[Text]:
    """`height` None: as long as it gets. `interval` 0: one picture, and no line about keys."""
    above = _above(picture, width, ink)
    foot = blocks.footer(interval, width, ink) if interval else []
    if height is None:
        return _spaced([*above, *_below(picture, width, ink, ROWS)])
    fixed = sum(len(block) for block in above) + len(foot)
    spaces = len(above) if fixed + len(above) <= height else 0
    below = _below(picture, width, ink, height - fixed - spaces)
    lines = _spaced([*above, *below]) if spaces else [line for block in above for line in block]
    lines = lines[: max(0, height - len(foot))]
    return [*lines, *[Text()] * (height - len(lines) - len(foot)), *foot][:height]


def _above(picture: Picture, width: int, ink: Ink) -> list[list[Text]]:
    half = (width - GAP) // 2
    blue, green = (blocks.card(name, picture, half, ink) for name in picture.slots)
    found = [
        blocks.header(picture, width, ink) + blocks.warnings(picture, width, ink),
        beside(blue, green, half),
        blocks.progress(picture, width, ink),
    ]
    return [block for block in found if block]


def _below(picture: Picture, width: int, ink: Ink, room: int) -> list[list[Text]]:
    """Users and history: side by side, or users first."""
    if width >= NARROW:
        half = (width - GAP) // 2
        users, past = (part(picture, half, ink, room) for part in (blocks.people, blocks.history))
        return [beside(users, past, half)] if users or past else []
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
