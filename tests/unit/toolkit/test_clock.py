"""Waiting: how often is looked, and asked."""

from toolkit.clock import Clock, at_most_every


def test_a_question_that_costs_is_put_no_more_often() -> None:
    now = 0.0
    clock = Clock(monotonic=lambda: now)
    asked = at_most_every(1.0, lambda: "gone", clock)
    answers = []
    for now in (5.0, 5.1, 5.9, 6.0, 6.5, 9.0):  # noqa: B007  the clock reads it
        answers.append(asked())
    assert answers == ["gone", None, None, "gone", None, "gone"]
