"""Where a name leads, as far as this machine can see."""

import pytest

from toolkit.acme import lookup


def test_what_is_ours() -> None:
    assert lookup.is_ours("127.0.0.1")
    assert not lookup.is_ours("192.0.2.1")
    assert not lookup.is_ours("2001:db8::1")
    assert "127.0.0.1" in lookup.addresses("localhost")
    assert lookup.addresses("shop.invalid") == lookup.addresses("a" * 70 + ".example") == set()


@pytest.mark.parametrize(
    ("host", "found", "behind", "said"),
    [
        ("a.example", {"127.0.0.1"}, False, None),
        ("a.example", {"192.0.2.1", "127.0.0.1"}, False, None),
        ("a.example", {"192.0.2.1"}, True, None),
        ("a.example", {"192.0.2.1"}, False, "a.example leads elsewhere: it leads to 192.0.2.1"),
        ("a.example", set(), True, "a.example has no address"),
    ],
)
def test_doubts(
    monkeypatch: pytest.MonkeyPatch, host: str, found: set[str], behind: bool, said: str | None
) -> None:
    monkeypatch.setattr(lookup, "addresses", lambda _: found)
    monkeypatch.setattr(lookup, "behind_translation", lambda: behind)
    doubt = lookup.doubt(host)
    assert (doubt is None) if said is None else str(doubt).startswith(said)
    assert doubt is None or "--anyway" in doubt.next
