"""The content of a page: sections with figures, a chart, a sentence on how to read it, and a table."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import altair as alt
import pandas as pd

from data_contracts.languages import Locale
from pipelines.dashboards.numbers import axis_label, instant, interval, number
from pipelines.metrics.declared import METRICS, Metric, Unit
from pipelines.metrics.intervals import SMALL, Estimate
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.words import say

Tone = Literal["quiet", "good", "warn", "alarm"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number as texts: label, value, interval, note and definition."""

    slug: str
    label: str
    text: str
    interval: str
    note: str
    """Why the number is not reliable, or which decision it allows; may be empty."""
    definition: str
    tone: Tone = "warn"
    """The tone of the note."""


@dataclass(frozen=True, slots=True)
class Section:
    """One question of a page and its answer."""

    heading: str
    reading: str
    """How to read the chart, in plain words; may be empty."""
    question: str = ""
    """The question that is asked, where the heading does not say it."""
    figures: tuple[Figure, ...] = ()
    chart: alt.LayerChart | None = None
    table: pd.DataFrame | None = None
    """The numbers of the chart as a table."""
    note: str = ""
    """Why there is no answer yet: no data, or too few."""
    tone: Tone = "warn"
    """The tone of the note."""


@dataclass(frozen=True, slots=True)
class Page:
    """The content of one dashboard page."""

    slug: str
    title: str
    lead: str
    as_of: str
    """The age of the data, as text."""
    data_end: datetime
    """The latest instant of the data."""
    stale: bool
    """Whether the data are older than `FRESH_MINUTES`."""
    sections: tuple[Section, ...]

    @property
    def definitions(self) -> dict[str, str]:
        """Label → definition of every figure, each once, in the order of the page."""
        return {figure.label: figure.definition for section in self.sections for figure in section.figures}


@dataclass(frozen=True, slots=True)
class PageView:
    """The language of a page and the tables that its numbers are computed from."""

    tables: MetricTables
    locale: Locale

    def say(self, key: str, /, **params: object) -> str:
        """The text of this key in the page's language."""
        return say(self.locale, key, **params)

    def number(self, value: float | None, unit: Unit) -> str:
        """A number as text, with its unit."""
        return number(value, unit, locale=self.locale, currency=self.tables.currency)

    def axis_label(self, unit: Unit) -> str:
        """How an axis writes numbers of this unit, with `{value}` in their place."""
        return axis_label(unit, locale=self.locale, currency=self.tables.currency)

    def text(self, value: float | None, metric: Metric) -> str:
        """A number of the metric as text, with its unit."""
        return self.number(value, metric.unit)

    def estimate(self, estimate: Estimate, metric: Metric) -> str:
        """A number of the metric as text, with its interval and sample size."""
        sure = interval(estimate, metric.unit, locale=self.locale, currency=self.tables.currency)
        count = self.say("number.n", n=self.number(estimate.n, "count"))
        count = "" if metric.unit == "count" else count  # a count is its own sample size
        return " · ".join(part for part in (self.text(estimate.value, metric), sure, count) if part)

    def figure(self, slug: str) -> Figure:
        """The figure of a declared metric."""
        metric = METRICS[slug]
        estimate = metric(self.tables)
        return Figure(
            slug,
            metric.label(self.locale),
            self.text(estimate.value, metric),
            interval(estimate, metric.unit, locale=self.locale, currency=self.tables.currency),
            self.caution(estimate, metric),
            metric.definition(self.locale),
        )

    def caution(self, estimate: Estimate, metric: Metric) -> str:
        """Why a number is not reliable; empty when it is."""
        if metric.unit == "count" or (estimate.low is None and metric.unit == "cents" and estimate.value is not None):
            return ""
        if estimate.value is None:
            return self.say("note.no_number")
        return self.say("note.small", n=estimate.n, least=SMALL) if estimate.small else ""


FRESH_MINUTES = 60


def as_of(tables: MetricTables, *, now: datetime, locale: Locale) -> tuple[str, bool]:
    """The age of the data as text, and whether they are older than `FRESH_MINUTES`."""
    minutes = max((now - tables.data_end).total_seconds() / 60, 0)
    age = number(minutes * 60, "seconds", locale=locale, currency="")
    return say(locale, "page.as_of", instant=instant(tables.data_end, locale=locale), age=age), minutes > FRESH_MINUTES


def age_texts(data_end: datetime, *, locale: Locale) -> dict[str, str | int]:
    """The texts with which an open page keeps its age current (see `templates/open_page.html`).

    The placeholders `{age}` and `{value}` are left for the page to fill.
    """
    return {
        "locale": locale,
        "fresh_minutes": FRESH_MINUTES,
        "as_of": say(locale, "page.as_of", instant=instant(data_end, locale=locale), age="{age}"),
        **{
            name: say(locale, f"number.{name}", value="{value}")
            for name in ("day", "days", "hours", "minutes", "seconds")
        },
        "notifications": say(locale, "page.notifications"),
    }
