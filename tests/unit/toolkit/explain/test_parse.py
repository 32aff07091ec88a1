"""What people paste: tokens, header lines, cookie jars and curl commands, as the request they are."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import Refused
from toolkit.explain import curl, parse
from toolkit.explain.request import PAGE_LOAD, Request

JAR = """\
# Netscape HTTP Cookie File
# https://curl.se/docs/http-cookies.html

#HttpOnly_shop.example\tFALSE\t/\tTRUE\t1800000000\t__Host-bg_pin\tp.i.n
.shop.example\tTRUE\t/\tFALSE\t0\ttheme\tdark
shop.example\tFALSE\t/admin\tFALSE\t0\tadmin\t1
other.example\tFALSE\t/\tFALSE\t0\tother\t1
"""


@pytest.mark.parametrize(
    ("url", "cookie"),
    [
        ("https://shop.example/", "__Host-bg_pin=p.i.n; theme=dark"),
        ("http://shop.example/", "theme=dark"),
        ("https://www.shop.example/x", "theme=dark"),
        ("https://shop.example/admin/x", "__Host-bg_pin=p.i.n; theme=dark; admin=1"),
        ("https://shop.example/administration", "__Host-bg_pin=p.i.n; theme=dark"),
        ("https://notshop.example/", None),
    ],
)
def test_a_jar_gives_the_cookies_that_go_there(url: str, cookie: str | None) -> None:
    assert parse.read(JAR, url).headers.get("cookie") == cookie


def test_a_jar_without_an_address_is_refused() -> None:
    with pytest.raises(Refused, match="where it goes") as caught:
        parse.read(JAR)
    assert caught.value.next == "bgctl explain --url https://..."


CURL = Request("GET", "/board?x=1", "shop.example", {"cookie": "a=b; c=d", "accept": "*/*"})


@pytest.mark.parametrize(
    "text",
    [
        "curl 'https://shop.example/board?x=1' -H 'Cookie: a=b; c=d' -H 'Accept: */*' --compressed",
        "curl \\\n  --url https://shop.example/board?x=1 \\\n  -b 'a=b; c=d' \\\r\n  -H 'accept: */*'",
        "curl https://shop.example/board?x=1 -sSb 'a=b; c=d' --header 'Accept: */*' -o /dev/null -m 5",
        'curl "https://shop.example/board?x=1" -b"a=b; c=d" -H "accept: */*" -k -L --insecure',
        "curl https://u:p@shop.example/board?x=1 -H $'cookie: a=b; c=\\u0064' -H 'accept: */*'",
        "curl -G -d q=1 'https://shop.example/board?x=1#top' -b a=b -H 'cookie: c=d' -H 'accept: */*'",
    ],
)
def test_a_curl_command(text: str) -> None:
    assert parse.read(text) == CURL


@pytest.mark.parametrize(
    ("options", "method"),
    [
        ("", "GET"),
        ("-X PUT", "PUT"),
        ("-XDELETE -d x", "DELETE"),
        ("--request options", "OPTIONS"),
        ("-I", "HEAD"),
        ("-d x", "POST"),
        ("--data-raw '{}'", "POST"),
        ("--json '{}'", "POST"),
        ("-F a=b", "POST"),
        ("-G --data-urlencode a=b", "GET"),
    ],
)
def test_the_method_of_a_curl_command(options: str, method: str) -> None:
    assert parse.read(f"curl {options} http://shop.example").method == method


def test_referer_and_host_of_a_curl_command() -> None:
    made = parse.read("curl -e http://a/x -A me -H 'Host: shop.example' http://127.0.0.1:8080")
    assert (made.path, made.host) == ("/", "shop.example")
    assert made.headers == {"referer": "http://a/x", "user-agent": "me"}


@pytest.mark.parametrize(
    "text", ["curl", "curl -s", "curl 'http://x", "curl -b jar.txt http://x", "curl http://"]
)
def test_a_curl_command_that_says_too_little_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse.read(text)


@given(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs", "Cc"])))
def test_any_value_survives_a_shells_quotes(value: str) -> None:
    made = curl.parse(f"curl http://x/ -H {shlex.quote(f'x-any: {value.strip()}')}")
    assert made.headers == {"x-any": value.strip()}


@given(st.text(max_size=60))
def test_whatever_is_pasted_is_a_request_or_refused(text: str) -> None:
    for pre in ("", "curl ", "curl http://x/ "):
        try:
            made = parse.read(pre + text)
        except Refused:
            continue
        assert made.path or made.headers


def test_header_lines() -> None:
    lines = "> POST /x HTTP/2\n> host: shop.example\n> cookie: a=b\n> cookie: c=d\n>\n"
    assert parse.read(lines) == Request("POST", "/x", "shop.example", {"cookie": "a=b; c=d"})


def test_an_address_is_enough_and_a_page_load_is_one() -> None:
    made = parse.read("", "shop.example/board").with_headers(PAGE_LOAD)
    assert (made.path, made.host, made.headers) == ("/board", "shop.example", PAGE_LOAD)
