"""Numbers as tables that can be taken away: CSV with the definition beside every number."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from math import inf, isfinite
from typing import Final

from pipelines.experiments import results as judged
from pipelines.experiments.results import results
from pipelines.metrics.decisions import taking_of
from pipelines.metrics.declared import BILLED, METRICS, Metric, Page, Unit
from pipelines.metrics.facts import Facts
from pipelines.metrics.filters import DIMENSIONS, cut
from pipelines.metrics.intervals import SMALL, Estimate
from pipelines.metrics.words import Locale, say

_UNITS: Final[Mapping[judged.Metric, Unit]] = {"paid": "points", "revenue": "cents"}
"""Of the effects of experiments."""
COLUMNS = ("metric", "label", "unit", "dimension", "value_of", "value", "low", "high", "n", "small", "definition")


def page_csv(facts: Facts, page: Page, *, locale: Locale) -> str:
    """Every number of a page, one row each."""
    metrics = [metric for metric in METRICS.values() if metric.page == page]
    effects = _effects(facts, locale) if page == "experiments" else ()
    return _csv(chain((_row(metric, metric(facts), facts, locale) for metric in metrics), effects))


def metric_csv(facts: Facts, metric: Metric, *, locale: Locale) -> str:
    """One number over everything, then for each value of each dimension, intervals widened for their number.

    Money is not cut: charges do not belong to a strategy or a week of journeys.
    """
    return _csv(_rows(facts, metric, locale))


def _rows(facts: Facts, metric: Metric, locale: Locale) -> Iterator[list[object]]:
    yield _row(metric, metric(facts), facts, locale)
    if metric.family in BILLED:
        return
    for dimension in DIMENSIONS:
        parts = cut(facts, dimension, rows=metric.rows, columns=metric.reads)
        for value, part in parts:
            estimate = metric(part, comparisons=len(parts))
            yield _row(metric, estimate, facts, locale, dimension=dimension, of=value)


def _effects(facts: Facts, locale: Locale) -> Iterator[list[object]]:
    """Every arm's effect with the bounds that the page shows; none of an experiment whose split is wrong."""
    for experiment in facts.experiments:
        taking, became = taking_of(facts.participants, experiment, strays=facts.strays.get(experiment.name, 0))
        for each in results(experiment, taking, became, as_of=facts.data_end).comparisons:
            n, unit = int(each.control_sample.n + each.arm_sample.n), _UNITS[each.metric]
            far = 1.0 if unit == "points" else inf  # shares cannot be further apart than all and none
            edges = (float(edge) for edge in (each.latest.difference, each.latest.lower, each.latest.upper))
            yield [
                f"effect_{each.metric}", say(locale, f"effect.{each.metric}", arm=each.arm, control=each.control),
                _unit(unit, facts, locale), "experiment", experiment.name,
                *(_counted(min(max(edge, -far), far), unit) if n and isfinite(edge) else None for edge in edges),
                n, _yes(n < SMALL), say(locale, f"effect.{each.metric}.definition", days=experiment.window_days),
            ]  # fmt: skip


def _unit(unit: Unit, facts: Facts, locale: Locale) -> str:
    return say(locale, f"unit.{unit}") + (f" {facts.currency}" if unit == "cents" else "")


def _counted(value: float | None, unit: Unit) -> float | None:
    """A value in its unit: a difference of shares in points, to a billionth of one."""
    return round(100 * value, 9) if value is not None and unit == "points" else value


def _yes(true: bool) -> str:
    return "yes" if true else "no"


def _row(
    metric: Metric, estimate: Estimate, facts: Facts, locale: Locale, *, dimension: str = "", of: str = ""
) -> list[object]:
    numbers = (_counted(value, metric.unit) for value in (estimate.value, estimate.low, estimate.high))
    return [
        metric.slug, metric.label(locale), _unit(metric.unit, facts, locale), dimension, _spelled(of), *numbers,
        estimate.n, _yes(estimate.small), metric.definition(locale),
    ]  # fmt: skip


def _spelled(text: str) -> str:
    """A text that a spreadsheet takes as text: one that begins like a formula is quoted."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _csv(rows: Iterable[list[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return file.getvalue()
