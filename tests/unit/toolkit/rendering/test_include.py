"""The operator's own lines for nginx: what is understood, what is refused and why, and what nginx is told."""

import builtins
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.toolkit.support.rendered import EXAMPLE, ROOT
from toolkit import config
from toolkit.errors import BgctlError, Refused
from toolkit.rendering import include_file, include_values, include_words, passwords, render

FILE = "nginx/extra.conf"
WITH_INCLUDE = EXAMPLE.replace('include = "" ', f'include = "{FILE}" ')
HASH = "$apr1$C0jRmsKw$36GeTNun3ijBsnbUpBB1s1"
ASKED = "auth_basic Team; auth_basic_user_file nginx/passwords;\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Writes the operator's file into a project, with one of passwords, and returns the project's folder."""

    def do(text: str) -> Path:
        (tmp_path / "nginx").mkdir(exist_ok=True)
        (tmp_path / "nginx" / "passwords").write_text(f"# of the team\nada:{HASH}:her note\n\n")
        (tmp_path / FILE).write_text(text)
        return tmp_path

    return do


def conf_of(root: Path, text: str = WITH_INCLUDE) -> str:
    return render.files(config.parse(text), root)["nginx.conf"].decode()


def locations(conf: str) -> dict[str, str]:
    """What stands in each location of the public servers."""
    return dict(re.findall(r"\n {8}location ([^{\n]*) \{(.*?)\n {8}\}", conf, re.DOTALL))


def refusals(root: Path) -> str:
    with pytest.raises(BgctlError) as caught:
        conf_of(root)
    return f"{caught.value}\n{caught.value.detail}"


def test_without_it_nothing_is_rendered(write: Callable[[str], Path]) -> None:
    root = write("# nothing yet\n")
    assert conf_of(root) == conf_of(ROOT, EXAMPLE)
    assert "auth_basic" not in conf_of(ROOT, EXAMPLE)


def test_redirects_and_answers_say_whence_they_are(write: Callable[[str], Path]) -> None:
    conf = conf_of(
        write(
            "rewrite ^/old/(.*)$ /new/$1 permanent;\n"
            "location = /away { return 301 ${scheme}://$host/new; }\n"
            'location /gone/ {\n  return 410 "it is \\"gone\\" }";\n  add_header Cache-Control no-store;\n}\n'
        )
    )
    assert f'rewrite "^/old/(.*)$" "/new/$1" permanent;  # {FILE}:1' in conf
    assert f"location = /away {{  # {FILE}:2" in conf
    assert f'return "301" "https://$host/new";  # {FILE}:2' in conf, "TLS ends in front"
    assert f'return "410" "it is \\"gone\\" }}";  # {FILE}:4' in conf
    place = conf[conf.index("location /gone/") :].partition("\n        }\n")[0]
    assert "default_type text/plain;" in place
    assert "add_header X-Frame-Options" in place, "nginx inherits none beside another"


def test_passwords_are_asked_for_where_requests_go_to_services(write: Callable[[str], Path]) -> None:
    more = "location /staff/ { auth_basic Staff; }\nlocation = /staff/hook { auth_basic off; }\nallow ::1;"
    root = write(ASKED + more)
    conf = conf_of(root)
    asked = [each for each in re.split(r"(?m)^ {8}location ", conf) if "auth_basic $bg_realm;" in each]
    assert len(asked) == conf.count("proxy_pass http://bg_") > 1
    assert conf.count(f"allow ::1/128;  # {FILE}:4") == len(asked)
    realms = conf[conf.index("map $uri $bg_realm {") :].partition("\n    }\n")[0]
    assert realms.index('"~^/staff/hook\\\\z" "off";') < realms.index('"~^/staff/" "Staff";')
    copy = passwords.place((root / "nginx" / "passwords").read_bytes())
    assert conf.count(f'"/etc/bgctl/{copy}"') == 2
    assert render.files(config.parse(WITH_INCLUDE), root)[copy].startswith(b"# of the team")
    assert HASH not in conf


def test_passwords_are_asked_for_where_the_proxy_sends_files(write: Callable[[str], Path]) -> None:
    """Not where the app leads to them: whoever asked it has given theirs."""
    folders = 'mirror = 0 \nstatic = {"/s/" = "s", "/i/" = "slot:/i"}\naccel = {"/p/" = "p"}\n#'
    conf = conf_of(write(f"{ASKED}allow ::1;"), WITH_INCLUDE.replace("mirror = 0 ", folders))
    asked = {route: "auth_basic $bg_realm;" in inner for route, inner in locations(conf).items()}
    allowed = {route: "allow ::1/128;" in inner for route, inner in locations(conf).items()}
    assert asked == allowed
    assert {route: asked[route] for route in ("^~ /s/", "^~ /i/", "^~ /p/", "@bg_app_frontend")} == {
        "^~ /s/": True,
        "^~ /i/": True,
        "^~ /p/": False,
        "@bg_app_frontend": True,
    }


def test_who_is_allowed_needs_no_password_by_a_map_of_ours(write: Callable[[str], Path]) -> None:
    """With nginx's own `satisfy any` a request whose body Lua takes in would need neither."""
    conf = conf_of(write(f"{ASKED}satisfy any; allow 10.0.0.0/8; allow ::1; deny all;"))
    assert "satisfy" not in conf
    assert "10.0.0.0/8 in;" in conf
    assert "deny all" not in conf.replace("limit_except POST { deny all; }", "")


REFUSED = [
    ("listen 80;", "listen is [proxy] listen"),
    ("proxy_pass http://x;", "write [services.NAME] routes"),
    ("server { listen 80; }", "server is bgctl's"),
    ("if ($host) { return 404; }", "if changes how requests are routed"),
    ("include other.conf;", "include would be read without being looked at"),
    ("access_by_lua_block { os.exit() }", "access_by_lua_block is not understood"),
    ('set $bg_slot "blue";', "set is not understood here; known are location, rewrite"),
    ("add_header X-A b;", "add_header is [headers]"),
    ("return 301 /x;", "would answer every request"),
    ("rewrite ^/(.*)$ /new/$1 permanent;", "must begin with a path"),
    ("rewrite ^/a|/ /new permanent;", "must begin with a path"),
    ("rewrite old /new permanent;", "must begin with a path"),
    ("rewrite ^/a? /new permanent;", "must begin with a path"),
    ("rewrite ^/api/(.*)$ /new/$1 permanent;", "would take /api/deployment/, which is bgctl's own"),
    ("rewrite ^/_bgctl/x /new permanent;", "would take /_bgctl/"),
    ("rewrite ^/.well-known/ /new permanent;", "must begin with a path"),
    ("rewrite ^/\\.well-known/ /new permanent;", "would take /.well-known/acme-challenge/"),
    ("rewrite ^/old/(.*)$ /new/$1 last;", "must be a redirect"),
    ("rewrite ^/old/(.*)$ /new/$1;", "must be a redirect"),
    ("rewrite ^/old/( /new permanent;", "is no pattern"),
    ("rewrite ^/old/(.*)$ new permanent;", "is no path and no address"),
    ("rewrite ^/old/(.*)$ /new/$cookie_a permanent;", "has $cookie_a, which it must not"),
    ("location = /x { return 301 /$uri; }", "has $uri, which it must not"),
    ("location = /x { return 200 $; }", "has $, which it must not"),
    ("location = /x { return 301; }", "has a return in line 1 that is none"),
    ("location = /x { return 301 new; }", "has a return in line 1 that is none"),
    ("location = /x { return 42; }", "has a return in line 1 that is none"),
    ("location = /x { return 404; return 404; }", "has two of return"),
    ("location = /x { return 404; root /; }", "has root in line 1, which is not one of"),
    ("location = /x { return 404; auth_basic a; }", "does nothing where return answers"),
    (
        "location = /x { return 404; add_header x-frame-options DENY; }",
        "headers of every answer in [headers]",
    ),
    ("location = /x { return 404; add_header Set-Cookie a; }", "headers of every answer in [headers]"),
    ("location = /x { return 404; default_type a; }", "write default_type text/plain"),
    ('location = /x { return 200 "a\\tb"; }', "has a backslash before"),
    ("location = /x { return 404; }\nlocation =/x { return 404; }", "/x is there twice"),
    ("location / { return 404; }", "/ is a route of [services.frontend]"),
    ("location ^~ / { return 404; }", "/ is a route of [services.frontend]"),
    ("location ~ \\.php$ { return 404; }", "must be for a path"),
    ("location @x { return 404; }", "must be for a path"),
    ("location /a*b { return 404; }", "which is no path"),
    ("location /x;", "must have a path and a block"),
    ("location = /api/deployment { return 404; }", "is bgctl's own"),
    ("location /api/deployment/dashboard { return 404; }", "is bgctl's own"),
    ("location = /_bgctl/preview { return 404; }", "is bgctl's own"),
    ("location /x { }", "neither answers nor asks for a password"),
    ("location /x { proxy_pass http://y; }", "has proxy_pass in line 1"),
    ("location /x { auth_basic a; }", "has none to compare it with"),
    ("auth_basic a;", "is without its passwords"),
    ('auth_basic "$host"; auth_basic_user_file nginx/passwords;', 'must be text such as "Staff only"'),
    ("auth_basic a; auth_basic_user_file /etc/shadow;", "below the project's folder"),
    ("auth_basic a; auth_basic_user_file nginx/none;", "nginx/extra.conf:1 names nginx/none"),
    ("auth_basic a; auth_basic b;", "is there twice"),
    ("allow 10.0.0.0/33;", "write one address or network"),
    ("deny;", "deny has nothing"),
    (f"{ASKED}satisfy any;", "satisfy any needs allow lines and deny all"),
    (f"{ASKED}satisfy any; deny 10.0.0.1; deny all;", "satisfy any needs allow lines and deny all"),
    ("satisfy any; allow 10.0.0.1; deny all;", "add auth_basic"),
    ("location = /x { return 404;", 'unexpected end of file, expecting "}"'),
    ("allow 10.0.0.1", "it ends within a directive"),
]


@pytest.mark.threat(50)
@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_50_what_could_break_routing_is_refused_with_its_line(
    text: str, said: str, write: Callable[[str], Path]
) -> None:
    told = refusals(write(text))
    assert said in told
    assert f"{FILE}:{len(text.splitlines())}" in told


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("location /s/ { return 404; }", "/s/ is a route of [services.frontend]"),
        ("location = /p/x { return 404; }", "is where accel of [services.frontend] has its files"),
        ("rewrite ^/s /x permanent;", "would take all of /s/, a route of [services.frontend]"),
    ],
)
def test_folders_whose_files_the_proxy_sends_are_taken(
    path: str, said: str, write: Callable[[str], Path]
) -> None:
    folders = 'mirror = 0 \nstatic = {"/s/" = "s"}\naccel = {"/p/" = "p"}\n#'
    text = WITH_INCLUDE.replace("mirror = 0 ", folders, 1)
    with pytest.raises(BgctlError) as caught:
        conf_of(write(path), text)
    assert said in str(caught.value)


def test_all_mistakes_are_told_at_once_and_in_order(write: Callable[[str], Path]) -> None:
    told = refusals(write("location / { return 404; }\nlisten 80;\nauth_basic a;\n"))
    assert re.findall(rf"{FILE}:(\d)", told) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ada", "nginx/passwords:1"),
        ("ada:secret", "nginx/passwords:1"),
        (":$apr1$a$b", "nginx/passwords:1"),
        ("ada:$y$j9T$abc$def", "quick enough"),
        ("ada:$2y$12$abc", "quick enough"),
        ("ada:$6$rounds=900000$abc$def", "quick enough"),
        ("# nobody", "has no user"),
    ],
)
def test_passwords_that_nginx_could_not_use_are_refused_and_not_shown(
    line: str, said: str, write: Callable[[str], Path]
) -> None:
    root = write(ASKED)
    (root / "nginx" / "passwords").write_text(f"{line}\n")
    told = refusals(root)
    assert said in told
    assert "secret" not in told


def test_a_file_that_is_not_there_or_cannot_be_read_without_its_library(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write("")
    (root / FILE).unlink()
    assert f"names {FILE}: No such file" in refusals(root)
    usual = builtins.__import__

    def without(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> object:
        if name == "crossplane":
            raise ImportError
        return usual(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Refused) as caught:
        include_file.load(config.parse(WITH_INCLUDE), root)
    assert "crossplane, is not here" in str(caught.value)
    assert "bgctl[include]" in caught.value.next


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20))
def test_what_is_understood_is_read_back_as_it_was_written(text: str) -> None:
    """By the rules of nginx: within double quotes a backslash stands for itself, but before \\ " ' t r n."""
    if any(include_words.faults(text, variables=False)):
        return
    given_to_nginx = include_words.quoted(text)
    inner = given_to_nginx[1:-1]
    assert not re.search(r'(?<!\\)(\\\\)*"', inner), "nothing ends the quotes early"
    assert re.sub(r"\\([\\\"'])", r"\1", inner) == text


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("^/old/(.*)$", "/old/"),
        ("^/a\\.b/c?", "/a.b/"),
        ("^/abc*", "/ab"),
        ("^/a+", "/"),
        ("^/a{0}", "/"),
        ("^/a.b", "/a"),
        ("^(/a)", None),
        ("/old/", None),
        ("^/a(b|c)", None),
    ],
)
def test_the_beginning_of_all_paths_that_a_pattern_matches(pattern: str, prefix: str | None) -> None:
    assert include_words.prefix_of(pattern) == prefix


def test_a_complaint_of_nginx_is_told_of_the_line_that_the_operator_wrote() -> None:
    conf = f'http {{\n  rewrite "^/old/\\\\u" "/x" permanent;  # {FILE}:7\n  listen 80;\n}}\n'
    said = (
        '2026/11/26 10:42:31 [emerg] 29#29: pcre2_compile() failed: no \\u in "^/old/\\u" in {}:2\nnginx: x'
    )
    blamed = include_values.blamed(said.format("/etc/bgctl/nginx.conf.new"), conf)
    assert blamed == (f"{FILE}:7", 'pcre2_compile() failed: no \\u in "^/old/\\u"')
    assert (
        include_values.blamed(said.format("/etc/bgctl/nginx.conf.new").replace(":2\n", ":3\n"), conf) is None
    )
    assert include_values.blamed("something else", conf) is None


def test_the_path_of_load_balancers_is_bgctls_own(write: Callable[[str], Path]) -> None:
    text = WITH_INCLUDE.replace('balancer_path = ""', 'balancer_path = "/up"')
    for line in ("location = /up { return 204; }", "rewrite ^/up(.*)$ /down$1 permanent;"):
        with pytest.raises(BgctlError, match="bgctl's own"):
            conf_of(write(line), text)
        assert conf_of(write(line)), "where there is none, it is anybody's"
