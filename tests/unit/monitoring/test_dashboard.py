"""The dashboard's JSON: what is of a slot has the colour of the slot, in Grafana and in the docs' picture."""

from __future__ import annotations

from typing import Any

import pytest

from demo import drawing
from testbed import monitoring

LABELS = {"version": "1.6.8", "state": "ready", "reason": "green", "status": "blue"}
OF_SLOTS = [
    (panel, target["legendFormat"])
    for panel in monitoring.panels()
    for target in panel["targets"]
    if "{{slot}}" in target["legendFormat"]
]


def legend(form: str, slot: str) -> str:
    for name, value in {"slot": slot, **LABELS}.items():
        form = form.replace(f"{{{{{name}}}}}", value)
    return form


@pytest.mark.parametrize("slot", ["blue", "green"])
@pytest.mark.parametrize(
    ("panel", "form"), OF_SLOTS, ids=[f"{panel['title']}: {form}" for panel, form in OF_SLOTS]
)
def test_a_series_of_a_slot_has_its_colour(panel: dict[str, Any], form: str, slot: str) -> None:
    fixed = drawing.overridden(panel, legend(form, slot))["color"]
    assert fixed == {"mode": "fixed", "fixedColor": slot}


def test_there_are_series_of_slots() -> None:
    assert len(OF_SLOTS) >= 8


def test_two_series_of_a_slot_in_one_panel_are_told_apart() -> None:
    for panel in monitoring.panels():
        forms = [form for other, form in OF_SLOTS if other["id"] == panel["id"]]
        looks = [str(drawing.overridden(panel, legend(form, "blue"))) for form in forms]
        assert len(set(looks)) == len(looks), panel["title"]


def test_the_picture_draws_them_so() -> None:
    """In whatever order they come, and what has no slot has another colour."""
    (panel,) = [panel for panel in monitoring.panels() if panel["title"] == "Failovers and faults"]
    lines = [("meant for green", 3.0), ("faults", 2.0), ("meant for blue", 1.0)]
    page = drawing.page([panel], {panel["id"]: [(name, [(0, value), (2, value)]) for name, value in lines]})
    keys = [part.split('"')[0] for part in page.split('<i style="background:')[1:]]
    assert keys[0] == drawing.FIXED["green"]
    assert keys[2] == drawing.FIXED["blue"]
    assert keys[1] not in drawing.FIXED.values()
