"""What authorities say, in words: every code has its next step, and their own words are shown."""

import pytest
from acme.messages import ERROR_CODES

from toolkit.acme import problems
from toolkit.acme.problems import Problem

HOSTS = ("shop.example", "www.shop.example")


@pytest.mark.parametrize("code", [*ERROR_CODES, "ofTomorrow", ""])
def test_each_code_has_words_and_a_next_step(code: str) -> None:
    found = [Problem(code, "the authority's words", "shop.example")]
    assert problems.why(found) == f"shop.example: the authority's words ({code})"
    next = problems.next_step(found, HOSTS)
    assert next
    assert "{" not in next


def test_the_first_that_can_be_mended_says_what_is_next() -> None:
    found = [
        Problem("compound", ""),
        Problem("caa", "no", "www.shop.example"),
        Problem("dns", "no", "a.example"),
    ]
    assert problems.next_step(found, HOSTS).startswith(
        "its CAA records name other authorities (dig www.shop.example CAA)"
    )
    assert problems.why(found).startswith("no reason given (compound); www.shop.example: no (caa)")


def test_a_problem_without_a_host_is_that_of_the_only_one() -> None:
    found = [Problem("rejectedIdentifier", "by policy")]
    assert "remove shop.example" in problems.next_step(found, HOSTS[:1])
    assert "remove that host" in problems.next_step(found, HOSTS)


def test_hosts_that_have_not_failed_need_not_wait() -> None:
    hosts = (*HOSTS, "a.example", "b.example", "c.example")
    next = problems.next_step([Problem("dns", "no", "a.example")], hosts)
    assert "dig a.example A" in next
    assert (
        "so that shop.example, www.shop.example, b.example and 1 more need not wait for it: take a.example"
        in next
    )
    for found in ([Problem("dns", "no", "shop.example")], [Problem("dns", "no")]):
        assert "wait" not in problems.next_step(found, HOSTS[:1])
    assert "wait" not in problems.next_step([Problem("dns", "no", each) for each in HOSTS], HOSTS)
