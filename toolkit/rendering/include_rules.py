"""What the operator's own lines for nginx may say ([proxy] include), and what nginx is told of them.

Only what is known to leave routing, releases and their pages alone is understood: redirects, answers at paths
that are nobody's, passwords, and who may come at all. docs/decisions/0073 says why it is not simply included.
"""

from collections.abc import Callable, Sequence

from toolkit.config import Config
from toolkit.config.kinds import Network
from toolkit.config.kinds import Path as ProjectPath
from toolkit.errors import BgctlError, Refused
from toolkit.rendering import include_locations, include_words
from toolkit.rendering.include_locations import Wrong
from toolkit.rendering.include_values import Directive, Guard, Include, Line
from toolkit.rendering.include_words import quoted

# Where bgctl.toml says what a directive of nginx says, and why some are not understood at all.
ELSEWHERE = {
    "return": "would answer every request: write location = /old { return 301 /new; }",
    "listen": "is [proxy] listen and [tls] listen",
    "server_name": "is [services.NAME] hosts",
    "server": "is bgctl's: what is written here stands in it already",
    "proxy_pass": "is routing, which is bgctl's: write [services.NAME] routes",
    "add_header": "is [headers]; in a location that answers by itself it may stand",
    "client_max_body_size": "is [proxy] max_body",
    "gzip": "is [proxy] compress",
    "access_log": "is [proxy] access_log",
    "error_log": "is bgctl's: alarms read it",
    "limit_req": "is [limits] requests",
    "limit_conn": "is [limits] connections",
    "set_real_ip_from": "is [proxy] trusted",
    "include": "would be read without being looked at: write its lines here",
    "if": "changes how requests are routed in ways that cannot be foreseen: write a location, or a rewrite",
    "root": "would show files of the proxy",
    "alias": "would show files of the proxy",
}
KNOWN = "location, rewrite, auth_basic, auth_basic_user_file, allow, deny and satisfy"


def read(found: Sequence[Directive], name: str, config: Config) -> tuple[Include, list[BgctlError]]:
    """What is understood of the file `name`, and an error for each directive that is not, in order."""
    reading = Reading(name, config)
    for each in found:
        reading.attempt(each, reading.directive)
    included = reading.result()
    return included, sorted(reading.wrong, key=lambda error: int(error.what.rpartition(":")[2]))


class Reading:
    """Goes through the directives; the method of a directive raises Wrong."""

    def __init__(self, name: str, config: Config) -> None:
        self.name, self.config = name, config
        self.wrong: list[BgctlError] = []
        self.once: dict[str, Directive] = {}  # directives of which there is one
        self.rules: list[tuple[str, str, Directive]] = []  # (allow or deny, a network or all, the directive)
        self.rewrites: list[Line] = []
        self.locations: list[Directive] = []

    def attempt(self, each: Directive, do: Callable[[Directive], None]) -> None:
        try:
            do(each)
        except Wrong as error:
            self.wrong.append(Refused(self.where(each), f"{each.name} {error}", f"edit {self.name}"))

    def where(self, each: Directive) -> str:
        return f"{self.name}:{each.line}"

    def directive(self, each: Directive) -> None:
        if each.name == "location":
            self.locations.append(each)
        elif each.block is not None:
            raise Wrong(
                ELSEWHERE.get(each.name, f"has a block, which only a location may have; known are {KNOWN}")
            )
        elif each.name == "rewrite":
            self.rewrites.append(self.rewrite(each))
        elif each.name in ("allow", "deny"):
            self.rules.append((each.name, _network(each), each))
        elif each.name in ("auth_basic", "auth_basic_user_file", "satisfy"):
            if each.name in self.once:
                raise Wrong("is there twice; keep one")
            self.once[each.name] = each
        else:
            raise Wrong(ELSEWHERE.get(each.name, f"is not understood here; known are {KNOWN}"))

    def rewrite(self, each: Directive) -> Line:
        """A redirect. One that goes on inside would be routed by another path than the app is asked for."""
        if len(each.args) != 3 or each.args[2] not in ("redirect", "permanent"):
            raise Wrong("must be a redirect: rewrite ^/old/(.*)$ /new/$1 permanent;")
        pattern, target, _ = each.args
        for fault in (
            *include_words.faults(pattern, variables=False),
            *include_words.faults(target, captures=True),
        ):
            raise Wrong(fault)
        include_locations.check_prefix(pattern, self.config)
        if not include_words.leads_somewhere(target):
            raise Wrong(f"leads to {target}, which is no path and no address; begin it with / or https://")
        return Line(f"rewrite {quoted(pattern)} {quoted(target)} {each.args[2]};", self.where(each))

    def result(self) -> Include:
        usual = self.guard()
        places, guards = include_locations.read(self, usual.passwords if usual else "")
        allowed = tuple(text for word, text, _ in self.rules if word == "allow")
        by_any = self.once.get("satisfy")
        if by_any:
            self.attempt(by_any, lambda each: self.check_satisfy(each, usual))
        is_any = by_any is not None and by_any.args == ("any",)
        access = tuple(Line(f"{word} {text};", self.where(each)) for word, text, each in self.rules)
        return Include(
            tuple(self.rewrites), places, usual, guards, () if is_any else access, allowed if is_any else ()
        )

    def guard(self) -> Guard | None:
        """The one for all paths."""
        realm, file = self.once.get("auth_basic"), self.once.get("auth_basic_user_file")
        if realm is None:
            return Guard("", False, "off", self.where(file), self.password_file(file)) if file else None
        return Guard(
            "", False, self.realm(realm), self.where(realm), self.password_file(file) if file else ""
        )

    def realm(self, each: Directive) -> str:
        """What a browser shows when it asks for the password."""
        text = each.args[0] if len(each.args) == 1 else ""
        if not text or "$" in text or not text.isascii() or any(include_words.faults(text)):
            self.refuse(each, 'must be text such as "Staff only", or off')
        elif (
            text != "off" and "auth_basic_user_file" not in self.once and each is self.once.get("auth_basic")
        ):
            self.refuse(each, "is without its passwords; add auth_basic_user_file nginx/passwords;")
        return text

    def password_file(self, each: Directive) -> str:
        """The path in the project, or "" for none that is good."""
        try:
            return str(ProjectPath.parse(each.args[0] if len(each.args) == 1 else "/"))
        except ValueError:
            self.refuse(
                each, "must be the path of a file below the project's folder, such as nginx/passwords"
            )
            return ""

    def refuse(self, each: Directive, why: str) -> None:
        def do(_: Directive) -> None:
            raise Wrong(why)

        self.attempt(each, do)

    def check_satisfy(self, each: Directive, usual: Guard | None) -> None:
        """nginx's own `any` would let a request past that Lua takes in first: it becomes a map instead."""
        if each.args == ("all",):
            return
        words = [(word, text) for word, text, _ in self.rules]
        good = words[-1:] == [("deny", "all")] and len(words) > 1
        if (
            each.args != ("any",)
            or not good
            or any(word != "allow" or text == "all" for word, text in words[:-1])
        ):
            raise Wrong("any needs allow lines and deny all; after them: who is allowed needs no password")
        if usual is None:
            raise Wrong("any is without a password that it could spare somebody; add auth_basic")


def _network(each: Directive) -> str:
    text = each.args[0] if len(each.args) == 1 else ""
    if text == "all":
        return text
    try:
        return str(Network.parse(text))
    except ValueError:
        raise Wrong(
            f"has {text or 'nothing'}: write one address or network, such as 10.0.0.0/8, or all"
        ) from None
