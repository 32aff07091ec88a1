"""Who asks: browsers with a jar of cookies, and API clients that have nothing but a token."""

from dataclasses import dataclass, field

from tests.model.belonging import Given, Pin, Shown

HOST = "shop.example"
LOAD = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
SCRIPT = {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
FOREIGN = {"sec-fetch-site": "cross-site"}
LEEWAY = 60  # seconds for which the proxy goes on believing a token that has expired


@dataclass
class Kept:
    """What somebody keeps: the text of it, and what the model knows of it."""

    text: str
    given: Given


@dataclass(frozen=True)
class Request:
    """`script`: not the load of a page; `foreign`: by a link on another site; `referer`: the page that asks.

    `update`: the user wants the new version; `rubbish`: with a worthless token; not `slotted`: for a
    service that both versions share.
    """

    path: str
    script: bool = False
    post: bool = False
    foreign: bool = False
    update: bool = False
    rubbish: bool = False
    referer: str = ""
    slotted: bool = True

    @property
    def is_load(self) -> bool:
        return not self.script


@dataclass
class Asking:
    """What the proxy has routed, after so many moves (`since`), and the session API has yet to get."""

    what: Request
    version: str
    generation: int
    since: int

    @property
    def headers(self) -> dict[str, str]:
        """What the proxy adds to it."""
        return {"X-Deployment-Version": self.version, "X-Deployment-Generation": str(self.generation)}


@dataclass
class Client:
    name: str
    has_jar: bool
    token: Kept | None = None
    in_cookie: bool = False
    own_cookie: str = ""  # the app's own session cookie
    values: int = 0  # so many that has had
    provided: str = ""  # where the token of an identity provider is, if there is one: "cookie", "header"
    ended: bool = False  # logged out, and the token is still there
    pin: Kept | None = None
    preview: Kept | None = None
    pages: dict[str, str] = field(default_factory=dict)  # path -> the version it was last loaded from
    asking: Asking | None = None

    def drop_expired(self, now: int) -> None:
        """What a browser forgets by itself; in a header a token is good for a little longer than it says."""
        if self.token and now >= self.token.given.until + (0 if self.in_cookie else LEEWAY + 1):
            self.token, self.asking = None, None
        if self.pin and now >= self.pin.given.until:
            self.pin, self.own_cookie, self.provided = None, "", ""
        if self.preview and now >= self.preview.given.until:
            self.preview = None

    def keep_token(self, token: Kept, in_cookie: bool) -> None:
        self.token, self.in_cookie = token, in_cookie and self.has_jar
        self.ended, self.asking = False, None

    def log_out(self, forgets: bool) -> None:
        self.ended, self.asking = True, None
        if forgets or self.in_cookie:
            self.token = None

    def shows(self, request: Request) -> Shown:
        """A Strict cookie stays away from a link on another site; only a script sends a token in a header."""
        brings = not request.foreign if self.in_cookie else request.script
        pin = self.pin.given if self.pin else None
        return Shown(
            token=self.token.given if self.token and brings else None,
            pin=pin if isinstance(pin, Pin) else None,
            preview=self.preview.given if self.preview else None,
        )

    def asks(
        self, request: Request, shown: Shown, rubbish: str | None, provided: str = ""
    ) -> dict[str, object]:
        """The request as bg.routing.request describes one. `rubbish` comes in place of a token.

        `provided` is a token that says no version, and comes beside all of them.
        """
        headers = {"host": HOST} | ((SCRIPT if request.script else LOAD) if self.has_jar else {})
        headers |= FOREIGN if request.foreign else {}
        headers |= {"referer": f"https://{HOST}{request.referer}"} if request.referer else {}
        cookies = {"bg_update": "1"} if request.update else {}
        text = self.token.text if self.token and shown.token else rubbish
        if text and self.in_cookie:
            cookies["bg_session"] = text
        elif text:
            headers["authorization"] = f"Bearer {text}"
        if self.own_cookie:
            cookies["sid"] = self.own_cookie
        if provided and self.provided == "cookie":
            cookies["at"] = provided
        elif provided and request.script:
            headers.setdefault("authorization", f"Bearer {provided}")
        for name, kept in (("bg_pin", self.pin), ("bg_preview", self.preview)):
            if kept:
                cookies[name] = kept.text
        if cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        method = "POST" if request.post else "GET"
        return {"method": method, "path": request.path, "host": HOST, "headers": headers}
