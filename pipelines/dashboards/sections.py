"""Sections that several pages are made of."""

from collections.abc import Sequence
from datetime import date

import altair as alt
import pandas as pd

from pipelines.dashboards import charts
from pipelines.dashboards.content import Section, Voice
from pipelines.dashboards.numbers import days, number, spoken
from pipelines.metrics.declared import METRICS, Metric
from pipelines.metrics.filters import cut
from pipelines.metrics.intervals import Estimate
from pipelines.metrics.words import name_of
from recommender.billing.money import decimal_places

MOST_ROWS = 15
"""So many values of a dimension are drawn, those with the most journeys; the table and the CSV have all."""


def rows_of(voice: Voice, metric: Metric, named: Sequence[tuple[str, Estimate]]) -> pd.DataFrame:
    """Named estimates as charts take them, those without a number left out."""
    return pd.DataFrame(
        [
            {
                "name": name, "value": each.value, "low": each.value if each.low is None else each.low,
                "high": each.value if each.high is None else each.high, "n": each.n, "small": each.small,
                "text": voice.estimate(each, metric),
            }
            for name, each in named
            if each.value is not None
        ],
        columns=["name", "value", "low", "high", "n", "small", "text"],
    )  # fmt: skip


def table_of(
    voice: Voice, metric: Metric, named: Sequence[tuple[str, Estimate]], first: str, *, called: str = ""
) -> pd.DataFrame:
    """The same as a table of texts; the number's column is `called` by the metric, if by nothing else."""
    label = called or metric.label(voice.locale)
    columns = [first, label, voice.say("table.interval"), "n", voice.say("table.note")]
    rows = []
    for name, each in named:
        sure = "" if each.low is None else f"{voice.text(each.low, metric)} – {voice.text(each.high, metric)}"
        count = number(each.n, "count", locale=voice.locale, currency="")
        rows.append((name, voice.text(each.value, metric), sure, count, voice.caution(each, metric)))
    return pd.DataFrame(rows, columns=columns)


def sliced(voice: Voice, slug: str, dimension: str) -> Section:
    """One number for every value of a dimension, intervals widened for how many are looked at together."""
    metric = METRICS[slug]
    parts = cut(voice.tables, dimension, rows=metric.rows, columns=metric.reads)
    named = [(_name(voice, dimension, value), metric(part, comparisons=len(parts))) for value, part in parts]
    called = voice.say(f"dimension.{dimension}")
    heading = voice.say("slice.heading", metric=metric.label(voice.locale), dimension=called)
    if not any(each.value is not None for _, each in named):
        return Section(heading, "", note=voice.say("note.empty"))
    table = table_of(voice, metric, named, called)
    shown = named if dimension == "week" else sorted(named, key=lambda each: -each[1].n)[:MOST_ROWS]
    rows = rows_of(voice, metric, shown)
    if metric.unit == "count" and dimension != "week":
        return Section(heading, voice.say("slice.count"), chart=charts.bars(rows, description=heading), table=table)
    chart = _over_weeks(voice, metric, rows, heading) if dimension == "week" else charts.dots(rows, description=heading)
    small = sum(each.small for _, each in named)
    note = voice.say("slice.small", small=small, count=len(named)) if small else ""
    return Section(heading, voice.say("slice.reading", count=len(named)), chart=chart, table=table, note=note)


def family(voice: Voice, heading: str, name: str, members: Sequence[str], kind: str) -> Section:
    """One number of a family for each of its members, as bars."""
    metrics = [METRICS[f"{name}_{member}"] for member in members]
    named = [
        (voice.say(f"{kind}.{member}"), metric(voice.tables)) for member, metric in zip(members, metrics, strict=True)
    ]
    title, reading = voice.say(f"{heading}.heading"), voice.say(f"{heading}.reading")
    rows = rows_of(voice, metrics[0], named)
    if rows.empty:
        return Section(title, reading, note=voice.say("note.empty"))
    table = table_of(voice, metrics[0], named, voice.say(f"{heading}.of"), called=voice.say("table.value"))
    note = voice.say("note.small", n=named[0][1].n, least=30) if named[0][1].small else ""
    return Section(title, reading, chart=charts.bars(rows, description=title), table=table, note=note)


def _over_weeks(voice: Voice, metric: Metric, rows: pd.DataFrame, heading: str) -> alt.LayerChart:
    """The rows as a line, in the unit that its axis says."""
    spelled = days([date.fromisoformat(name) for name in rows["name"]], locale=voice.locale)
    return charts.weeks(
        _in_units(rows, metric, currency=voice.tables.currency).assign(week=spelled),
        description=heading,
        unit=metric.unit,
        said=spoken(metric.unit, locale=voice.locale, currency=voice.tables.currency),
    )


def _in_units(rows: pd.DataFrame, metric: Metric, *, currency: str) -> pd.DataFrame:
    """The rows as an axis counts them: in percentage points, in whole units of money."""
    factor = {"points": 100.0, "cents": 10.0 ** -decimal_places(currency)}.get(metric.unit, 1.0)
    return rows.assign(**{name: factor * rows[name] for name in ("value", "low", "high")})


def _name(voice: Voice, dimension: str, value: str) -> str:
    return value if dimension in ("country", "plan", "model_version", "week") else name_of(voice.locale, value)
