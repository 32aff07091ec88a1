"""When a count is known: one fact after the other takes it away."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_api.counts.known import why_unknown, why_visitors_unknown
from session_api.stores.records import Birth, Heard

NOW, WINDOW = 1_800_000_000, 1800
BORN = Birth("e", NOW - 100, fresh=False)
FINE = Heard("web1:8080", NOW - 10, NOW - 100 - WINDOW, NOW - 10, None, NOW - 10)


def why(*heard: Heard, birth: Birth = BORN) -> str | None:
    return why_unknown(NOW, WINDOW, birth, heard)


def test_known() -> None:
    assert why(FINE) is None
    assert why(FINE, replace(FINE, proxy="web2:8080")) is None


@pytest.mark.threat(54)
def test_54_no_proxy_is_unknown() -> None:
    assert why(birth=replace(BORN, fresh=True)) == "no proxy has ever reported"


@pytest.mark.threat(54)
@pytest.mark.parametrize("since", [11, WINDOW])
def test_54_a_silent_proxy_is_unknown(since: int) -> None:
    silent = replace(FINE, proxy="web2:8080", seen_at=NOW - since)
    assert why(FINE, silent) == f"proxy web2:8080 has not reported for {since} s"


def test_a_proxy_that_was_silent_for_a_window_is_forgotten() -> None:
    forgotten = replace(FINE, proxy="web2:8080", seen_at=NOW - WINDOW - 1)
    assert why(FINE, forgotten) is None
    assert why(forgotten) == f"proxy web2:8080 has not reported for {WINDOW + 1} s"


@pytest.mark.threat(54)
@pytest.mark.parametrize("told_at", [None, NOW - 11])
def test_54_a_proxy_that_has_more_to_tell_is_unknown(told_at: int | None) -> None:
    assert why(replace(FINE, told_at=told_at)) == "proxy web1:8080 has not told yet all that it remembers"


@pytest.mark.parametrize("told_at", [None, NOW - 11])
def test_a_flood_of_visitors_makes_visitors_unknown_and_nobody_else(told_at: int | None) -> None:
    flooded = replace(FINE, proxy="web2:8080", visitors_told_at=told_at)
    assert why(FINE, flooded) is None
    said = why_visitors_unknown(NOW, WINDOW, [FINE, flooded])
    assert said == "proxy web2:8080 saw more visitors than it could tell of"
    assert why_visitors_unknown(NOW, WINDOW, [FINE]) is None
    forgotten = replace(flooded, seen_at=NOW - WINDOW - 1)
    assert why_visitors_unknown(NOW, WINDOW, [FINE, forgotten]) is None


@pytest.mark.threat(54)
@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("born", [0, WINDOW - 1, WINDOW])
@pytest.mark.parametrize("late", [0, 1])
def test_54_an_emptied_store_is_unknown_for_a_window(fresh: bool, born: int, late: int) -> None:
    """Unless the project was new, or every proxy remembers a window before its birth."""
    birth = Birth("e", NOW - born, fresh)
    remembers = replace(FINE, since=NOW - born - WINDOW)
    unknown = not fresh and born < WINDOW and late == 1
    expected = f"the session store was empty {born} s ago; counts are complete in {WINDOW - born} s"
    assert why(remembers, replace(remembers, since=remembers.since + late), birth=birth) == (
        expected if unknown else None
    )


heards = st.builds(
    Heard,
    st.sampled_from(["a", "b", "c"]),
    st.integers(NOW - 2 * WINDOW, NOW),
    st.integers(NOW - 3 * WINDOW, NOW),
    st.none() | st.integers(NOW - 20, NOW),
    st.none(),
    st.none() | st.integers(NOW - 20, NOW),
)


@given(st.lists(heards), st.integers(0, 2 * WINDOW), st.booleans())
def test_a_known_count_rests_on_a_proxy_that_told_all(heard: list[Heard], age: int, fresh: bool) -> None:
    """And another proxy, or an older memory of the same, never makes less known than before."""
    birth = Birth("e", NOW - age, fresh)
    reason = why_unknown(NOW, WINDOW, birth, heard)
    current = [each for each in heard if NOW - each.seen_at <= WINDOW]
    if reason is None:
        assert current and all(NOW - each.seen_at <= 10 and each.told_at for each in current)
        older = [replace(each, since=each.since - 1) for each in heard]
        assert why_unknown(NOW, WINDOW, birth, older) is None
    else:
        assert why_unknown(NOW, WINDOW, birth, [*heard, replace(FINE, proxy="z", seen_at=NOW - 11)])
