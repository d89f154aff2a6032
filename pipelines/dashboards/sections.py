"""Sections that several dashboard pages share."""

from collections.abc import Sequence
from datetime import date

import altair as alt
import pandas as pd

from pipelines.dashboards import charts
from pipelines.dashboards.content import PageView, Section
from pipelines.dashboards.numbers import days
from pipelines.metrics.declared import METRICS, Metric
from pipelines.metrics.filters import cut
from pipelines.metrics.intervals import Estimate
from pipelines.metrics.words import name_of
from recommender.billing.money import decimal_places

MOST_ROWS = 15
"""The number of values of a dimension that are drawn, those with most rows; the table and the CSV have all."""


def rows_of(view: PageView, metric: Metric, named: Sequence[tuple[str, Estimate]]) -> pd.DataFrame:
    """The rows of a chart from named estimates, without those that have no value."""
    return pd.DataFrame(
        [
            {
                "name": name, "value": each.value, "low": each.value if each.low is None else each.low,
                "high": each.value if each.high is None else each.high, "n": each.n, "small": each.small,
                "text": view.estimate(each, metric),
            }
            for name, each in named
            if each.value is not None
        ],
        columns=["name", "value", "low", "high", "n", "small", "text"],
    )  # fmt: skip


def table_of(
    view: PageView, metric: Metric, named: Sequence[tuple[str, Estimate]], first: str, *, called: str = ""
) -> pd.DataFrame:
    """The table of named estimates as texts; the column of values has the heading `called`, else the metric's label."""
    label = called or metric.label(view.locale)
    columns = [first, label, view.say("table.interval"), "n", view.say("table.note")]
    rows = []
    for name, each in named:
        sure = "" if each.low is None else f"{view.text(each.low, metric)} – {view.text(each.high, metric)}"
        count = view.number(each.n, "count")
        rows.append((name, view.text(each.value, metric), sure, count, view.caution(each, metric)))
    return pd.DataFrame(rows, columns=columns)


def breakdown(view: PageView, slug: str, dimension: str) -> Section:
    """One metric for every value of a dimension, with intervals widened for the number of values."""
    metric = METRICS[slug]
    parts = cut(view.tables, dimension, rows=metric.rows, columns=metric.reads)
    named = [(_name(view, dimension, value), metric(part, comparisons=len(parts))) for value, part in parts]
    called = view.say(f"dimension.{dimension}")
    heading = view.say("slice.heading", metric=metric.label(view.locale), by=view.say(f"by.{dimension}"))
    if not any(each.value is not None for _, each in named):
        return Section(heading, "", note=view.say("note.empty"))
    table = table_of(view, metric, named, called)
    shown = named if dimension == "week" else sorted(named, key=lambda each: -each[1].n)[:MOST_ROWS]
    rows = rows_of(view, metric, shown)
    if metric.unit == "count" and dimension != "week":
        return Section(heading, view.say("slice.count"), chart=charts.bars(rows, description=heading), table=table)
    chart = _over_weeks(view, metric, rows, heading) if dimension == "week" else charts.dots(rows, description=heading)
    small = sum(each.small for _, each in named)
    note = view.say("slice.small", small=small, count=len(named)) if small else ""
    return Section(heading, view.say("slice.reading", count=len(named)), chart=chart, table=table, note=note)


def metric_family(view: PageView, heading: str, name: str, members: Sequence[str], kind: str) -> Section:
    """The metrics of one family, one bar for each of its members."""
    metrics = [METRICS[f"{name}_{member}"] for member in members]
    named = [
        (view.say(f"{kind}.{member}"), metric(view.tables)) for member, metric in zip(members, metrics, strict=True)
    ]
    title, reading = view.say(f"{heading}.heading"), view.say(f"{heading}.reading")
    rows = rows_of(view, metrics[0], named)
    if rows.empty:
        return Section(title, reading, note=view.say("note.empty"))
    table = table_of(view, metrics[0], named, view.say(f"{heading}.of"), called=view.say("table.value"))
    note = view.say("note.small", n=named[0][1].n, least=30) if named[0][1].small else ""
    return Section(title, reading, chart=charts.bars(rows, description=title), table=table, note=note)


def _over_weeks(view: PageView, metric: Metric, rows: pd.DataFrame, heading: str) -> alt.LayerChart:
    """The rows as a line over weeks, in the unit of its axis."""
    spelled = days([date.fromisoformat(name) for name in rows["name"]], locale=view.locale)
    return charts.weeks(
        _in_units(rows, metric, currency=view.tables.currency).assign(week=spelled),
        description=heading,
        unit=metric.unit,
        axis_label=view.axis_label(metric.unit),
    )


def _in_units(rows: pd.DataFrame, metric: Metric, *, currency: str) -> pd.DataFrame:
    """The rows in the unit of an axis: percentage points, or whole units of money."""
    factor = {"points": 100.0, "cents": 10.0 ** -decimal_places(currency)}.get(metric.unit, 1.0)
    return rows.assign(**{name: factor * rows[name] for name in ("value", "low", "high")})


def _name(view: PageView, dimension: str, value: str) -> str:
    return value if dimension in ("country", "plan", "model_version", "week") else name_of(view.locale, value)
