"""The sum of several proxies, for any of them: what counts is added, and of the rest the worst holds."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from toolkit.clients.figures import Figures
from toolkit.clients.proxy_status import Activity, Gate, Mirror, PassedOver, PeerHealth, Slot, Status, Worker
from toolkit.cluster import sum_of_proxies

COUNT = st.integers(0, 1000)
MOMENT = st.none() | st.integers(1, 1000).map(float)
VERSIONS = st.sampled_from(["1.6.7", "1.6.8"])
BOUNDS = (0.1, 1.0)


def few(of: st.SearchStrategy[Worker]) -> st.SearchStrategy[list[Worker]]:
    return st.lists(of, max_size=4)


WORKER = st.builds(Worker, st.integers(1, 99), st.none() | st.integers(6, 8), st.booleans())
HEALTH = st.builds(
    PeerHealth,
    st.none() | st.booleans(),
    MOMENT,
    st.none() | st.just("refused"),
    st.lists(st.builds(PassedOver, st.just("127.0.0.1:8081"), st.just("refused")), max_size=2),
)


@st.composite
def slot(draw: st.DrawFn) -> Slot:
    open_ = draw(COUNT)
    return Slot(
        draw(st.none() | VERSIONS),
        draw(st.sampled_from(["ready", "drain", "maint"])),
        draw(st.integers(0, 100)),
        open_,
        draw(st.integers(0, open_)),
        draw(st.none() | COUNT),
        draw(st.none() | COUNT),
        draw(HEALTH),
    )


FIGURES = st.builds(Figures, COUNT, COUNT, st.just(BOUNDS), st.tuples(COUNT, COUNT, COUNT))
ACTIVITY = st.builds(Activity, COUNT, COUNT, COUNT, MOMENT, st.none() | st.just("refused"))
STATUS = st.builds(
    Status,
    workers=few(WORKER),
    expected=st.integers(1, 3),
    slots=st.fixed_dictionaries({"blue": slot(), "green": slot()}),
    generation=st.none() | st.integers(6, 8),
    state_error=st.none() | st.just("no JSON"),
    activity=st.none() | ACTIVITY,
    figures=st.dictionaries(VERSIONS, FIGURES),
    started_at=MOMENT,
    gate=st.none() | st.builds(Gate, st.sampled_from([None, "pause", "maintenance"]), COUNT),
    mirror=st.none() | st.builds(Mirror, VERSIONS, COUNT, COUNT, COUNT),
)
PARTS = st.dictionaries(st.sampled_from(["web1", "web2", "web3", "web4"]), STATUS, min_size=1)
MISSING = st.dictionaries(st.sampled_from(["web5", "web6"]), st.just("is silent"))


@given(PARTS, MISSING, st.sampled_from([6, 7, 8]))
def test_it_is_applied_when_each_by_itself_has_it_and_none_is_missing(
    parts: dict[str, Status], missing: dict[str, str], generation: int
) -> None:
    found = sum_of_proxies.of(parts, missing)
    assert found.applied(generation) == (
        not missing and all(each.applied(generation) for each in parts.values())
    )


@given(PARTS, st.sets(st.sampled_from(["web1", "web2", "web3", "web4"])), st.sampled_from([6, 7]))
def test_who_is_left_out_is_not_waited_for(parts: dict[str, Status], out: set[str], generation: int) -> None:
    waited = [each for node, each in parts.items() if node not in out]
    found = sum_of_proxies.of(parts, {}, out)
    assert found.applied(generation) == (bool(waited) and all(each.applied(generation) for each in waited))
    assert found.open_requests == sum(each.open_requests for each in parts.values())


@given(PARTS)
def test_what_counts_is_added_up(parts: dict[str, Status]) -> None:
    found, every = sum_of_proxies.of(parts, {}), list(parts.values())
    assert len(found.live) == sum(len(each.live) for each in every)
    assert found.expected == sum(each.expected for each in every)
    for name in ("blue", "green"):
        slots = [each.slots[name] for each in every]
        seen = found.slots[name]
        assert (seen.open, seen.websockets) == (sum(s.open for s in slots), sum(s.websockets for s in slots))
        for figure in ("served", "errors"):
            figures = [getattr(slot, figure) for slot in slots]
            assert getattr(seen, figure) == (None if None in figures else sum(figures))
    for version in ("1.6.7", "1.6.8"):
        theirs = [each.figures[version] for each in every if version in each.figures]
        added = found.figures.get(version, Figures())
        assert added.requests == sum(each.requests for each in theirs)
        assert added.timed == sum(each.timed for each in theirs)
    assert (found.gate.waiting if found.gate else 0) == sum(each.gate.waiting for each in every if each.gate)


@given(PARTS)
def test_of_the_rest_the_worst_holds(parts: dict[str, Status]) -> None:
    found, every = sum_of_proxies.of(parts, {}), list(parts.values())
    generations = [each.generation for each in every]
    assert found.generation == (None if None in generations else min(g for g in generations if g))
    for name in ("blue", "green"):
        ups = [each.slots[name].health.up for each in every]
        assert found.slots[name].health.up is (False if False in ups else None if None in ups else True)
        passed = [one for each in every for one in each.slots[name].health.passed]
        assert len(found.slots[name].health.passed) == len(passed)
    assert (found.state_error is None) == all(each.state_error is None for each in every)
    if theirs := [each.activity for each in every if each.activity]:
        assert found.activity
        assert (found.activity.error is None) == all(each.error is None for each in theirs)
        last = [each.last_delivery for each in theirs]
        assert found.activity.last_delivery == (None if None in last else min(at for at in last if at))
    else:
        assert found.activity is None


@given(PARTS, MISSING)
def test_every_node_that_is_missing_is_named(parts: dict[str, Status], missing: dict[str, str]) -> None:
    found = sum_of_proxies.of(parts, missing)
    assert all(f"{node} is silent" in (found.state_error or "") for node in missing)
    if missing:
        assert found.started_at is None, "figures of which some are missing are none to judge by"


@given(PARTS)
def test_the_order_does_not_matter(parts: dict[str, Status]) -> None:
    backwards = dict(reversed(parts.items()))
    assert sum_of_proxies.of(parts, {}) == sum_of_proxies.of(backwards, {})


@given(STATUS)
def test_the_sum_of_one_is_that_one(one: Status) -> None:
    found = sum_of_proxies.of({"web1": one}, {})
    assert (found.workers, found.expected, found.generation) == (one.workers, one.expected, one.generation)
    assert (found.figures, found.started_at, found.mirror) == (one.figures, one.started_at, one.mirror)
    for name, slot in one.slots.items():
        assert replace(found.slots[name], health=PeerHealth()) == replace(slot, health=PeerHealth())
        assert found.slots[name].health.up == slot.health.up
