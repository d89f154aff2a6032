"""Exports metrics as CSV, with the definition beside every number."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from math import inf, isfinite
from typing import Final

from data_contracts.languages import Locale
from pipelines.experiments.results import Measure
from pipelines.metrics.declared import BILLED, METRICS, Metric, Page, Unit
from pipelines.metrics.experiment_results import experiment_results
from pipelines.metrics.filters import DIMENSIONS, cut
from pipelines.metrics.intervals import SMALL, Estimate
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.words import say

_UNITS: Final[Mapping[Measure, Unit]] = {"paid": "points", "revenue": "cents"}
"""The units of the effects of experiments."""
COLUMNS = ("metric", "label", "unit", "dimension", "value_of", "value", "low", "high", "n", "small", "definition")


def page_csv(tables: MetricTables, page: Page, *, locale: Locale) -> str:
    """Every metric of a page as CSV, one row each."""
    metrics = [metric for metric in METRICS.values() if metric.page == page]
    effects = _effects(tables, locale) if page == "experiments" else ()
    return _csv(chain((_row(metric, metric(tables), tables, locale) for metric in metrics), effects))


def metric_csv(tables: MetricTables, metric: Metric, *, locale: Locale) -> str:
    """One metric as CSV: overall, then for each value of each dimension, with intervals widened for their number.

    Money is not broken down: charges have no strategy and belong to no week of journeys.
    """
    return _csv(_rows(tables, metric, locale))


def _rows(tables: MetricTables, metric: Metric, locale: Locale) -> Iterator[list[object]]:
    yield _row(metric, metric(tables), tables, locale)
    if metric.family in BILLED:
        return
    for dimension in DIMENSIONS:
        parts = cut(tables, dimension, rows=metric.rows, columns=metric.reads)
        for value, part in parts:
            estimate = metric(part, comparisons=len(parts))
            yield _row(metric, estimate, tables, locale, dimension=dimension, of=value)


def _effects(tables: MetricTables, locale: Locale) -> Iterator[list[object]]:
    """Every arm's effect with the bounds that the page shows; none for an experiment whose split is wrong."""
    for found in experiment_results(tables):
        experiment = found.experiment
        for each in found.comparisons:
            n, unit = int(each.control_sample.n + each.arm_sample.n), _UNITS[each.measure]
            far = 1.0 if unit == "points" else inf  # shares cannot be further apart than all and none
            edges = (float(edge) for edge in (each.latest.difference, each.latest.lower, each.latest.upper))
            yield [
                f"effect_{each.measure}", say(locale, f"effect.{each.measure}", arm=each.arm, control=each.control),
                _unit(unit, tables, locale), "experiment", experiment.name,
                *(_in_unit(min(max(edge, -far), far), unit) if n and isfinite(edge) else None for edge in edges),
                n, _yes(n < SMALL), say(locale, f"effect.{each.measure}.definition", days=experiment.window_days),
            ]  # fmt: skip


def _unit(unit: Unit, tables: MetricTables, locale: Locale) -> str:
    return say(locale, f"unit.{unit}") + (f" {tables.currency}" if unit == "cents" else "")


def _in_unit(value: float | None, unit: Unit) -> float | None:
    """A value in its unit: a difference of shares in percentage points, rounded to a billionth."""
    return round(100 * value, 9) if value is not None and unit == "points" else value


def _yes(true: bool) -> str:
    return "yes" if true else "no"


def _row(
    metric: Metric, estimate: Estimate, tables: MetricTables, locale: Locale, *, dimension: str = "", of: str = ""
) -> list[object]:
    numbers = (_in_unit(value, metric.unit) for value in (estimate.value, estimate.low, estimate.high))
    return [
        metric.slug, metric.label(locale), _unit(metric.unit, tables, locale), dimension, _as_text(of), *numbers,
        estimate.n, _yes(estimate.small), metric.definition(locale),
    ]  # fmt: skip


def _as_text(text: str) -> str:
    """A text that spreadsheets do not take as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _csv(rows: Iterable[list[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return file.getvalue()
