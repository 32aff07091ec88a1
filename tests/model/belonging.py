"""Who is on which version: the rules, told as plainly as they can be, from the documents alone.

A session, and whatever is shown for it, is **on a version**. It stays there. Two things move it:

- a version goes out of service: all that are on it are on the version that takes over, in that same moment;
- a page load takes it to the version that new sessions get, where docs/routing.md lets it.

That is all. A version that comes into service again has nobody but who is given it then.
"""

from dataclasses import dataclass, field

from toolkit.state.document import State

OVER = ""  # no version: what a preview shows when its own is not served any more


@dataclass(eq=False)
class Given:
    """A token, a pin or a preview that somebody was given, good `until` then.

    `version` is the one that its holder is on; of a preview, the one that it shows, while that is served.
    """

    version: str
    until: int
    vague: bool = (
        False  # it does not say since when, and its version has come again: it goes this way or that
    )


@dataclass(eq=False)
class Pin(Given):
    """`left`: the version that a page load has taken this browser away from, while that is served."""

    left: str | None = None


@dataclass(frozen=True)
class Shown:
    """What one request shows of itself: only what is good now."""

    token: Given | None = None
    pin: Pin | None = None
    preview: Given | None = None


@dataclass
class Belonging:
    """What is served, who is on what, and which version's sessions went where, the oldest first."""

    state: State
    moves: list[tuple[str, str]] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    shown: list[Given] = field(default_factory=list)

    @property
    def served(self) -> set[str]:
        return served(self.state)

    @property
    def open_to_new(self) -> set[str]:
        """The versions that a new session may get."""
        return {slot.version for slot in slots(self.state) if slot.version and slot.weight}

    @property
    def draining(self) -> set[str]:
        """The versions whose sessions may move on with a page: nobody new gets them, and it is no preview."""
        return set() if self.state.phase == "preview" else self.served - self.open_to_new

    def switch(self, after: State) -> None:
        """A transition. Whoever was on a version that it takes out of service is on the one that is left."""
        gone = self.served - served(after)
        self.state = after
        for old in gone:
            (heir,) = self.served
            self.moves.append((old, heir))
            for each in self.given:
                if each.version == old:
                    each.version = heir
                if isinstance(each, Pin) and each.left == old:
                    each.left = None
            for each in self.shown:
                if each.version == old:
                    each.version = OVER

    def give(self, what: Given, since: int | None = None) -> None:
        """Somebody was given this; `since`: so many moves had been made when it was decided."""
        what.version = self.followed(what.version, since)
        self.given.append(what)

    def give_undated(self, what: Given) -> None:
        """It cannot be told from one that was given before its version came again."""
        what.vague = what.version in {old for old, _ in self.moves}
        self.give(what)

    def show(self, preview: Given) -> None:
        self.shown.append(preview)

    def is_shown(self, shown: Shown) -> bool:
        return shown.preview is not None and shown.preview.version in self.served

    def followed(self, version: str, since: int | None) -> str:
        for old, new in self.moves[since:] if since is not None else ():
            version = new if version == old else version
        return version

    def place(self, shown: Shown) -> str | None:
        """The version that a request's session is on; None: it is a new one's."""
        token, pin = shown.token, shown.pin
        if token and pin and pin.left == token.version:
            return pin.version
        return token.version if token else pin.version if pin else None

    def may_be_served_by(self, shown: Shown, may_move: bool, must_move: bool, page: str | None) -> set[str]:
        """`may_move`, `must_move`: with the page that is loaded. `page`: the version of one that asks."""
        if shown.preview and self.is_shown(shown):
            return {shown.preview.version}
        if shown.token and shown.token.vague:
            return self.served
        place = self.place(shown)
        if place is None:
            return self.open_to_new
        if place in self.draining and must_move:
            return self.open_to_new
        moved = self.open_to_new if place in self.draining and may_move else set()
        old_page = {page} if page and shown.pin and shown.pin.left == page else set()
        return {place} | moved | old_page


def slots(state: State):
    return state.slots.blue, state.slots.green


def served(state: State) -> set[str]:
    return {slot.version for slot in slots(state) if slot.version and slot.state != "maint"}
