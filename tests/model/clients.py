"""Who asks: browsers with a jar of cookies, and API clients that have nothing but a token."""

from dataclasses import dataclass, field

from tests.model.belonging import Given, Pin, Shown

LEEWAY = 60  # seconds for which the proxy goes on believing a token that has expired


@dataclass
class Kept:
    """What somebody keeps: the text of it, and what the model knows of it."""

    text: str
    given: Given


@dataclass
class Asking:
    """A request that was routed by the proxy, and has yet to reach the session API; `since`: after so many moves."""

    what: str
    version: str
    generation: int
    since: int


@dataclass
class Client:
    name: str
    has_jar: bool
    token: Kept | None = None
    in_cookie: bool = False
    ended: bool = False  # logged out, and the token is still there
    pin: Kept | None = None
    preview: Kept | None = None
    pages: dict[str, str] = field(default_factory=dict)  # path -> the version it was last loaded from
    asking: Asking | None = None

    def drop_expired(self, now: int) -> None:
        """What a browser forgets by itself; an API client's token is good for a little longer than it says."""
        if self.token and now >= self.token.given.until + (0 if self.in_cookie else LEEWAY + 1):
            self.token, self.asking = None, None
        if self.pin and now >= self.pin.given.until:
            self.pin = None
        if self.preview and now >= self.preview.given.until:
            self.preview = None

    def shows(self, is_script: bool, is_foreign: bool) -> Shown:
        """A Strict cookie stays away from a link on another site; only a script sends a token in a header."""
        brings = self.token and (not is_foreign if self.in_cookie else is_script)
        pin = self.pin.given if self.pin else None
        return Shown(
            token=self.token.given if self.token and brings else None,
            pin=pin if isinstance(pin, Pin) else None,
            preview=self.preview.given.version if self.preview else None,
        )

    def headers(self, shown: Shown, rubbish: str | None) -> dict[str, str]:
        """`rubbish`: a token that is worth nothing, in place of one."""
        found, cookies = {}, {}
        text = self.token.text if self.token and shown.token else rubbish
        if text and self.in_cookie:
            cookies["bg_session"] = text
        elif text:
            found["authorization"] = f"Bearer {text}"
        if self.pin:
            cookies["bg_pin"] = self.pin.text
        if self.preview:
            cookies["bg_preview"] = self.preview.text
        if cookies:
            found["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return found
