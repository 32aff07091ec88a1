"""A picture of the panels of Grafana's dashboard, as HTML with SVG, from what Prometheus answered."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

COLUMN, ROW = 58, 30  # pixels of the dashboard's grid
GAP = 8
COLOURS = ("#5794f2", "#73bf69", "#ff9830", "#b877d9", "#f2cc0c", "#f2495c", "#8ab8ff", "#96d98d")
FIXED = {"blue": "#5794f2", "green": "#73bf69"}  # Grafana's own, by name
UNITS = {"s": " s", "reqps": " req/s", "cps": " /s", "percent": " %"}
STYLE = """
body { margin: 0; padding: 8px; background: #111217; color: #ccccdc; font: 12px sans-serif; width: 1400px }
section { position: absolute; background: #181b1f; border: 1px solid #2b2e34; overflow: hidden }
h2 { font-size: 13px; font-weight: 600; margin: 6px 10px }
h1 { position: absolute; font-size: 15px; margin: 6px }
span { white-space: nowrap; margin-right: 10px }
p { margin: 0 10px; line-height: 1.5; font-size: 11px } b { font-weight: 600; color: #fff }
.stat { font-size: 20px; text-align: center; color: #fff; line-height: 1.4; margin-top: 4px }
i { display: inline-block; width: 10px; height: 3px; margin: 0 4px 3px 0 }
text { fill: #9a9aa8; font-size: 10px } line { stroke: #2b2e34 } polyline { fill: none; stroke-width: 1.5 }
"""
Series = tuple[str, list[tuple[float, float]]]  # legend, and (time, value) where there is one


def page(panels: list[dict[str, Any]], answers: dict[int, list[Series]]) -> str:
    """The whole dashboard; `answers` has the answers to the queries of each panel, by the panel's id."""
    boxes = [_panel(panel, answers.get(panel["id"], [])) for panel in panels]
    height = max(at["y"] + at["h"] for at in (panel["gridPos"] for panel in panels)) * (ROW + GAP) + GAP
    return f"<!doctype html><style>{STYLE} body {{ height: {height}px }}</style>{''.join(boxes)}"


def _panel(panel: dict[str, Any], series: list[Series]) -> str:
    at = panel["gridPos"]
    left, top = at["x"] * COLUMN + GAP, at["y"] * (ROW + GAP) + GAP
    title = html.escape(panel["title"])
    if panel["type"] == "row":
        return f'<h1 style="left:{left}px; top:{top}px">{title}</h1>'
    width, height = at["w"] * COLUMN - GAP, at["h"] * (ROW + GAP) - GAP
    inside = _stat(panel, series) if panel["type"] == "stat" else _lines(panel, series, width, height - 30)
    box = f"left:{left}px; top:{top}px; width:{width}px; height:{height}px"
    return f'<section style="{box}"><h2>{title}</h2>{inside}</section>'


def overridden(panel: dict[str, Any], legend: str) -> dict[str, Any]:
    """The properties of one series; of several overrides that match, the last one wins."""
    found: dict[str, Any] = {}
    for override in panel["fieldConfig"]["overrides"]:
        if re.search(override["matcher"]["options"].strip("/"), legend):
            found |= {one["id"]: one["value"] for one in override["properties"]}
    return found


def _colours(panel: dict[str, Any], legends: list[str]) -> Iterator[str]:
    """The colour of each series: the one that is fixed for it, else the next free one."""
    fixed = [overridden(panel, legend).get("color") for legend in legends]
    taken = {FIXED[one["fixedColor"]] for one in fixed if one}
    others = (colour for colour in COLOURS if colour not in taken)
    for one in fixed:
        yield FIXED[one["fixedColor"]] if one else next(others)


def _stat(panel: dict[str, Any], series: list[Series]) -> str:
    defaults, shows_name = panel["fieldConfig"]["defaults"], panel["options"]["textMode"] == "name"
    words = [legend if shows_name else _said(defaults, points[-1][1]) for legend, points in series]
    return "".join(f'<p class="stat">{html.escape(word)}</p>' for word in words)


def _said(defaults: dict[str, Any], value: float) -> str:
    for mapping in defaults.get("mappings", []):
        if f"{value:g}" in mapping["options"]:
            return str(mapping["options"][f"{value:g}"]["text"])
    return _number(value, defaults["unit"])


def _number(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s" and value < 1:
        return f"{1000 * value:.3g} ms"
    return f"{value:.3g}{UNITS.get(unit, '')}"


def _lines(panel: dict[str, Any], series: list[Series], width: int, height: int) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    unit = defaults["unit"]
    shown = sorted(series, key=lambda one: -one[1][-1][1])[: len(COLOURS)]
    colours = list(_colours(panel, [name for name, _ in shown]))
    legend = "".join(
        f'<span><i style="background:{colour}"></i>{html.escape(name)}'
        f" <b>{_number(points[-1][1], unit)}</b></span> "
        for colour, (name, points) in zip(colours, shown, strict=True)
    )
    height -= 22 + 18 * math.ceil(len(shown) / 3)
    top = defaults.get("max") or max((value for _, points in shown for _, value in points), default=0) or 1
    times = [time for _, points in shown for time, _ in points] or [0, 1]
    first, seconds = min(times), (max(times) - min(times)) or 1

    def x(time: float) -> int:
        return round(60 + (time - first) / seconds * (width - 70))

    def y(value: float) -> int:
        return round(height - value / top * (height - 8))

    marks = [
        f'<line x1="60" x2="{width - 10}" y1="{y(at)}" y2="{y(at)}"/>'
        f'<text x="54" y="{y(at) + 4}" text-anchor="end">{_number(at, unit)}</text>'
        for at in (0, top / 2, top)
    ]
    marks += [
        f'<text x="{x(first + at)}" y="{height + 14}">{at:.0f} s</text>' for at in (0, seconds / 2) if shown
    ]
    for colour, (name, points) in zip(colours, shown, strict=True):
        style = ' stroke-dasharray="6 4"' if "custom.lineStyle" in overridden(panel, name) else ""
        for run in _runs(points):
            path = " ".join(f"{x(time)},{y(value)}" for time, value in run)
            marks.append(f'<polyline stroke="{colour}"{style} points="{path}"/>')
    return f'<svg width="{width}" height="{height + 20}">{"".join(marks)}</svg><p>{legend}</p>'


def _runs(points: list[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """The points as lines, with a break where some are missing."""
    runs = [points[:1]]
    step = min((after[0] - before[0] for before, after in pairwise(points)), default=0)
    for before, after in pairwise(points):
        if after[0] - before[0] > 1.5 * step:
            runs.append([])
        runs[-1].append(after)
    return runs
