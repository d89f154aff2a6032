"""The charts: bars, dots with their intervals, and lines over weeks. Texts come ready to be shown.

Their colours are told apart by people who see colours otherwise, and are clear on light and dark ground; they are taken
from Okabe and Ito's set (2008), and `tests/pipelines/dashboards/test_charts.py` computes what is claimed here.
"""

import json
from collections.abc import Sequence
from typing import Any, Final, cast

import altair as alt
import pandas as pd

from pipelines.metrics.declared import Unit

BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
GREY: Final = "#808080"
COLOURS: Final = (BLUE, ORANGE, GREY)

WIDTH: Final = 560
ROW: Final = 30
_SIZE: Final = 13
_ROOM: Final = {"left": 45, "right": 90, "top": 5, "bottom": 5}
"""The space around a chart, because the width of the reader's font is not known where it is drawn."""


def bars(rows: pd.DataFrame, *, description: str) -> alt.LayerChart:
    """A bar per row, in the order of the rows: `name`, `value`, `text`."""
    base = alt.Chart(rows).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=_names()),
        x=alt.X("value:Q", title=None, axis=None, scale=alt.Scale(domainMin=0)),
        tooltip=[alt.Tooltip("name:N", title=" "), alt.Tooltip("text:N", title=" ")],
    )
    drawn = base.mark_bar(color=BLUE, cornerRadiusEnd=2, height={"band": 0.7})
    return _finished(drawn, _labels(base), rows=len(rows), description=description)


def dots(rows: pd.DataFrame, *, description: str, zero: bool = True) -> alt.LayerChart:
    """A dot with its interval per row, hollow for `small`: `name`, `value`, `low`, `high`, `text`, `small`."""
    base = alt.Chart(rows).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=_names()),
        tooltip=[alt.Tooltip("name:N", title=" "), alt.Tooltip("text:N", title=" ")],
    )
    scale = alt.Scale(zero=zero)
    line = base.mark_rule(color=GREY, strokeWidth=2).encode(
        x=alt.X("low:Q", title=None, axis=None, scale=scale), x2="high:Q"
    )
    dot = base.mark_point(size=90, strokeWidth=2, opacity=1).encode(
        x=alt.X("value:Q", scale=scale),
        color=alt.value(BLUE),
        fill=alt.condition("datum.small", alt.value("transparent"), alt.value(BLUE)),
    )
    text = base.mark_text(align="left", dx=9, fontSize=_SIZE - 1).encode(x=alt.X("high:Q", scale=scale), text="text:N")
    return _finished(line, dot, text, rows=len(rows), description=description)


def weeks(rows: pd.DataFrame, *, description: str, unit: Unit, axis_label: str) -> alt.LayerChart:
    """A line over weeks with its interval: `week`, `value`, `low`, `high`, `text`, `small`.

    `axis_label`: how the axis writes a number, with `{value}` in its place.
    """
    axis = alt.Axis(format=".0%") if unit == "share" else alt.Axis(labelExpr=_tick_label(axis_label))
    base = alt.Chart(rows).encode(
        x=alt.X(
            "week:N",
            title=None,
            sort=None,
            axis=alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=25, labelFontSize=_SIZE - 2),
        ),
        tooltip=[alt.Tooltip("week:N", title=" "), alt.Tooltip("text:N", title=" ")],
    )
    y = alt.Y("value:Q", title=None, axis=axis, scale=alt.Scale(zero=True))
    band = base.mark_area(color=BLUE, opacity=0.2).encode(y=alt.Y("low:Q", title=None, axis=axis), y2="high:Q")
    line = base.mark_line(color=BLUE, strokeWidth=2).encode(y=y)
    dot = base.mark_point(size=60, strokeWidth=2, opacity=1, color=BLUE).encode(
        y=y, fill=alt.condition("datum.small", alt.value("transparent"), alt.value(BLUE))
    )
    return _finished(band, line, dot, rows=None, description=description)


def stacked(
    rows: pd.DataFrame, *, description: str, kinds: Sequence[str], axis_label: str = "{value}"
) -> alt.LayerChart:
    """Stacked bars over weeks, values below 0 under the line: `week`, `kind`, `value`, `text`.

    `axis_label`: how the axis writes a number, with `{value}` in its place.
    """
    colours = list(COLOURS[: len(kinds)])
    drawn = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X(
                "week:N",
                title=None,
                sort=None,
                axis=alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=25, labelFontSize=_SIZE - 2),
            ),
            y=alt.Y(
                "value:Q", title=None, axis=alt.Axis(format=",.0f", tickMinStep=1, labelExpr=_tick_label(axis_label))
            ),
            color=alt.Color("kind:N", title=None, sort=list(kinds), scale=alt.Scale(domain=list(kinds), range=colours)),
            tooltip=[alt.Tooltip(f"{name}:N", title=" ") for name in ("week", "kind", "text")],
        )
    )
    return _finished(drawn, rows=None, description=description)


def _tick_label(axis_label: str) -> str:
    """The Vega expression that writes a tick's number in place of `{value}`."""
    before, after = (json.dumps(part) for part in axis_label.split("{value}"))
    return f"{before} + datum.label + {after}"


def _names() -> alt.Axis:
    return alt.Axis(labelLimit=340, labelFontSize=_SIZE, domain=False, ticks=False, labelPadding=8)


def _labels(base: alt.Chart) -> alt.Chart:
    labels: alt.Chart = base.mark_text(align="left", dx=6, fontSize=_SIZE - 1).encode(text="text:N")
    return labels


def _finished(*layers: alt.Chart, rows: int | None, description: str) -> alt.LayerChart:
    height: Any = 220 if rows is None else max(rows, 1) * ROW
    chart = cast("alt.LayerChart", alt.layer(*layers))
    done: alt.LayerChart = (
        chart.properties(
            width=WIDTH,
            height=height,
            padding=_ROOM,
            description=description,
            # No menu that would open an editor elsewhere; drawn as SVG, so that print and zoom stay sharp.
            usermeta={"embedOptions": {"actions": False, "renderer": "svg"}},
        )
        .configure(background="transparent")
        .configure_view(stroke=None)
        .configure_legend(orient="top", labelFontSize=_SIZE, labelLimit=260, columnPadding=30)
    )
    return done
