"""The form of a page: sections of figures, one chart, a sentence on how to read it, and the numbers as a table."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import altair as alt
import pandas as pd

from data_contracts.languages import Locale
from pipelines.dashboards.numbers import instant, interval, number
from pipelines.metrics.declared import METRICS, Metric
from pipelines.metrics.intervals import SMALL, Estimate
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.words import say

Tone = Literal["quiet", "good", "warn", "alarm"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number in words: what, how much, how sure, what exactly."""

    slug: str
    label: str
    text: str
    interval: str
    note: str
    """Why it should not be relied on, or what may be decided on it; empty when there is nothing to say."""
    definition: str
    tone: Tone = "warn"
    """Of the note."""


@dataclass(frozen=True, slots=True)
class Section:
    """One question and its answer."""

    heading: str
    reading: str
    """How to read the chart, in plain words; empty where there is nothing to read."""
    question: str = ""
    """What is asked, where the heading does not say it."""
    figures: tuple[Figure, ...] = ()
    chart: alt.LayerChart | None = None
    table: pd.DataFrame | None = None
    """The numbers of the chart, for whoever reads rather than looks."""
    note: str = ""
    """What stands in the way of an answer: nothing there, or too little."""
    tone: Tone = "warn"
    """Of the note."""


@dataclass(frozen=True, slots=True)
class Page:
    """One dashboard page."""

    slug: str
    title: str
    lead: str
    as_of: str
    """How old the data are, in words."""
    data_end: datetime
    """The last instant of which they tell anything."""
    stale: bool
    """Whether they are too old to be called present."""
    sections: tuple[Section, ...]

    @property
    def definitions(self) -> dict[str, str]:
        """Label → definition of every figure, each once, in the order in which they stand."""
        return {figure.label: figure.definition for section in self.sections for figure in section.figures}


@dataclass(frozen=True, slots=True)
class PageView:
    """In which language, of which money a page speaks, and what its numbers are computed from."""

    tables: MetricTables
    locale: Locale

    def say(self, key: str, /, **params: object) -> str:
        """A text of this language."""
        return say(self.locale, key, **params)

    def text(self, value: float | None, metric: Metric) -> str:
        """A number as it is read."""
        return number(value, metric.unit, locale=self.locale, currency=self.tables.currency)

    def estimate(self, estimate: Estimate, metric: Metric) -> str:
        """A number with its interval and what it stands on."""
        sure = interval(estimate, metric.unit, locale=self.locale, currency=self.tables.currency)
        count = self.say("number.n", n=number(estimate.n, "count", locale=self.locale, currency=""))
        count = "" if metric.unit == "count" else count  # a number of things stands on itself
        return " · ".join(part for part in (self.text(estimate.value, metric), sure, count) if part)

    def figure(self, slug: str) -> Figure:
        """One declared number in words."""
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
        """Why a number should not be relied on."""
        if metric.unit == "count" or (estimate.low is None and metric.unit == "cents" and estimate.value is not None):
            return ""
        if estimate.value is None:
            return self.say("note.no_number")
        return self.say("note.small", n=estimate.n, least=SMALL) if estimate.small else ""


FRESH_MINUTES = 60


def as_of(tables: MetricTables, *, now: datetime, locale: Locale) -> tuple[str, bool]:
    """How old the data are, in words, and whether that is too old."""
    minutes = max((now - tables.data_end).total_seconds() / 60, 0)
    age = number(minutes * 60, "seconds", locale=locale, currency="")
    return say(locale, "page.as_of", instant=instant(tables.data_end, locale=locale), age=age), minutes > FRESH_MINUTES


def age_texts(data_end: datetime, *, locale: Locale) -> dict[str, str | int]:
    """What an open page says as it grows older (`templates/open_page.html`): `{age}`, `{value}` are left to be said."""
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
