"""Numbers as tables that can be taken away: CSV with the definition beside every number."""

import csv
import io
from collections.abc import Iterable, Iterator

from pipelines.metrics.declared import METRICS, Metric, Page
from pipelines.metrics.facts import Facts
from pipelines.metrics.filters import DIMENSIONS, cut
from pipelines.metrics.intervals import Estimate
from pipelines.metrics.words import Locale, say

COLUMNS = ("metric", "label", "unit", "dimension", "value_of", "value", "low", "high", "n", "small", "definition")


def page_csv(facts: Facts, page: Page, *, locale: Locale) -> str:
    """Every number of a page, one row each."""
    metrics = [metric for metric in METRICS.values() if metric.page == page]
    return _csv(_row(metric, metric(facts), facts, locale) for metric in metrics)


def metric_csv(facts: Facts, metric: Metric, *, locale: Locale) -> str:
    """One number over everything, then for each value of each dimension, intervals widened for their number.

    Money is not cut: charges do not belong to a strategy or a week of journeys.
    """
    return _csv(_rows(facts, metric, locale))


def _rows(facts: Facts, metric: Metric, locale: Locale) -> Iterator[list[object]]:
    yield _row(metric, metric(facts), facts, locale)
    if metric.family in {"billed_net", "billed_overage", "billed_credits", "billed_tax", "billed_total", "unpaid"}:
        return
    for dimension in DIMENSIONS:
        parts = cut(facts, dimension, rows=metric.rows, columns=metric.reads)
        for value, part in parts:
            estimate = metric(part, comparisons=len(parts))
            yield _row(metric, estimate, facts, locale, dimension=dimension, of=value)


def _row(
    metric: Metric, estimate: Estimate, facts: Facts, locale: Locale, *, dimension: str = "", of: str = ""
) -> list[object]:
    unit = (
        f"{say(locale, 'unit.cents')} {facts.currency}"
        if metric.unit == "cents"
        else say(locale, f"unit.{metric.unit}")
    )
    return [
        metric.slug, metric.label(locale), unit, dimension, _spelled(of), estimate.value, estimate.low, estimate.high,
        estimate.n, "yes" if estimate.small else "no", metric.definition(locale),
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
